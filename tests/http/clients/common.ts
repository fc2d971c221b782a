// What the three programs share: where the service is, and how they say what
// they have seen. Each makes the same calls with the types as generated.
declare const process: { env: Record<string, string | undefined> };

export const baseUrl = process.env["BASE_URL"];
export const apiKey = process.env["API_KEY"];

// Prints the call's name; what the answer holds must be what is expected.
export function saw<T>(operation: string, seen: T, wanted: T): void {
	if (JSON.stringify(seen) !== JSON.stringify(wanted))
		throw new Error(`${operation}: ${JSON.stringify(seen)}`);
	console.log(operation);
}
