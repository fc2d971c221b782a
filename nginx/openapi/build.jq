# build.jq: makes the document that is served, OpenAPI 3.1, of the files beside
# it, in which each thing stands once:
#
#	jq -s -f build.jq paths.json responses.json schemas.json audit.json env.json \
#		history.json invitations.json
#
# They are OpenAPI, too, but for these words, which it has not, or not there. A
# name in the place of a parameter, a response or a schema of a body is the
# component of that name.
#
# paths.json
#	every	what all calls have (`call`), those that need a key (`keyed`),
#		and those of a method (`post`). A call's own goes before; a
#		response that is null there is none of that call.
#	body	the schema of a JSON body that must be sent, and `example` one
# responses.json
#	header	what a header is called, and `on` which responses it stands:
#		a list, "every", or "keyed": all that a worker sends to a call
#		with a good key
#	data	the answer is {"data": …} of that schema, `example` the inside
#	body	the answer is of that schema; `content`: as OpenAPI has it
#	error	the answer is an error with this code only, as here; `errors`
#		are some by name. `always` is what else each of them has.
# env.json	all of what is new with variables as text
# invitations.json	resent and accepted ones
# history.json	versions of the settings
# audit.json	answers and schemas of the audit log
# schemas.json: of objects in answers, which are those without
# `additionalProperties`, all members are required, unless `required` is there.
#	and	the members of that schema, too; `required` if they are not
#	page	a page of a list of such rows
#	_id	goes to patternProperties: `id` and `_id` would be one name in
#		the types that generators of clients make

def component($kind):
	if type == "string" then {"$ref": "#/components/\($kind)/\(.)"} else . end;

def json($schema; $more):
	{"application/json": ({schema: ($schema | component("schemas"))} + $more)};

def only(name): with_entries(select(.key == name));

# ---- calls ----

def responses:
	with_entries(select(.value != null) | .value |= component("responses"))
	| to_entries | sort_by(.key) | from_entries;

def request_body:
	if has("body") then
		{requestBody: {required: true, content: json(.body; {example})}}
	else {} end;

def call($every; $method):
	[$every.call, (if .security == [] then {} else $every.keyed end),
		$every[$method] // {}, .] as $all
	| {parameters: [$all | reverse[].parameters // [] | .[] | component("parameters")],
		responses: ([$all[].responses // {}] | add | responses)} as $whole
	| del(.body, .example, .responses, .parameters)
		+ ($whole | only("parameters")) + request_body + ($whole | only("responses"));

# ---- responses ----

def error_schema($errors; $always):
	(reduce $errors[].code as $code ([]; . - [$code] + [$code])) as $codes
	| {code: (if $codes[1] then {enum: $codes} else {const: $codes[0]} end)} as $code
	| {type: "object", required: ["error"], properties: {error: {allOf: [
		{"$ref": "#/components/schemas/ApiError"},
		(if all($errors[]; has("retryable")) then {required: ["retryable"]} else {} end)
			+ {properties: ($code + $always)}
	]}}};

def error_example($id):
	{error: (del(.retryable) + {requestId: $id} + only("retryable"))};

def content($id):
	(.always // {}) as $always
	| if has("data") then
		json({type: "object", required: ["data"],
			properties: {data: (.data | component("schemas"))}};
			{example: {data: .example}})
	elif has("body") then
		json(.body; {example})
	elif has("content") then .content
	elif has("error") then
		json(error_schema([.error]; $always); {example: (.error | error_example($id))})
	elif has("errors") then
		json(error_schema([.errors[]]; $always);
			{examples: (.errors | map_values({value: error_example($id)}))})
	else null end;

# Names of responses; before a key is looked at come 401 and what is too large
# or no HTTP.
def keyed:
	[.paths[][] | select(type == "object" and .security != []) | .responses | to_entries[]
		| select(.key | IN("401", "413", "414", "431", "501", "502", "505") | not)
		| .value["$ref"] | sub(".*/"; "")] | unique;

def response($name; $headers; $id):
	{description, headers: [
		$headers | to_entries[]
		| select(.value.on == "every" or (.value.on | index([$name])))
		| {key: .value.header, value: (.key | component("headers"))}
	] | from_entries}
	+ (content($id) | if . then {content: .} else {} end);

def check_headers($responses):
	([.[].on | arrays[]] - ($responses | keys)) as $unknown
	| if $unknown == [] then . else error("a header on no response: \($unknown)") end;

# ---- schemas ----

def page:
	{type: "object", properties: {
		data: {type: "array", maxItems: 100, items: component("schemas")},
		nextCursor: {type: ["string", "null"], minLength: 1,
			description: "`cursor` of the next page; null on the last."},
		hasMore: {type: "boolean", description: "Whether there is a next page."}
	}};

def all_required:
	if .type == "object" and has("properties")
		and (has("additionalProperties") or has("required") | not)
	then .required = (.properties | keys_unsorted) else . end;

def one_id:
	if .properties._id then
		.patternProperties = {"^_id$": .properties._id} | del(.properties._id)
	else . end;

def schema($schemas):
	if has("page") then .page | page
	elif has("and") then
		$schemas[.and] + del(.and) + {properties: ($schemas[.and].properties + .properties)}
	else . end
	| all_required | one_id;

reduce .[] as $part ({}; . * $part)
| .every as $every | del(.every)
| .paths |= map_values(with_entries(.key as $method | .value |= call($every; $method)))
| ."x-other-requests".responses |= ($every.call.responses + . | responses)
| ."x-plain-http".responses |= responses
| keyed as $keyed
| .components |= (
	(.headers[] | select(.on == "keyed").on) = $keyed
	| . as $all
	| .schemas.RequestId.examples[0] as $id
	| .headers |= (check_headers($all.responses) | map_values(del(.header, .on)))
	| .responses |= with_entries(.key as $name | .value |= response($name; $all.headers; $id))
	| .schemas |= map_values(schema($all.schemas)))
