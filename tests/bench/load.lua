-- load.lua: wrk's requests: each in turn with another key; at the end one
-- line of JSON. Arguments: file of keys, method, path, file of the body or -,
-- pause of each connection in milliseconds, and, where nginx is told to trust
-- it, the client's address (one that ends with a dot: 200 of them).
local requests, at, pause = {}, 0, 0

function init(args)
	local body = nil
	if args[4] ~= "-" then
		local file = assert(io.open(args[4], "rb"))
		body = file:read("*a")
		file:close()
	end
	local from = args[6]
	for key in io.lines(args[1]) do
		if from and args[6]:sub(-1) == "." then
			from = args[6] .. #requests % 200 + 1
		end
		requests[#requests + 1] = wrk.format(args[2], args[3], {
			["Authorization"] = "Bearer " .. key,
			["Content-Type"] = body and "application/json",
			["X-Forwarded-For"] = from,
		}, body)
	end
	pause = tonumber(args[5])
	if pause > 0 then
		function delay()
			return pause * (0.9 + 0.2 * math.random())
		end
	end
end

function request()
	at = at % #requests + 1
	return requests[at]
end

function done(summary, latency, _)
	local e = summary.errors
	io.write(string.format(
		'{"requests": %d, "us": %d, "status": %d, "broken": %d, ' ..
		'"p50": %.1f, "p99": %.1f, "max": %.1f}\n',
		summary.requests, summary.duration, e.status,
		e.connect + e.read + e.write + e.timeout,
		latency:percentile(50), latency:percentile(99), latency.max))
end
