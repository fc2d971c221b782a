<?php
// api.php: the same two calls as a LAMP shop would write them, with what helps
// PHP: persistent connection, no preparing (one round trip a query), key check
// and object in as few queries as possible, OPcache.
declare(strict_types=1);

function answer(int $status, array $object): never
{
	http_response_code($status);
	header('Content-Type: application/json');
	header('Cache-Control: no-store');
	header('X-Content-Type-Options: nosniff');
	header('X-Request-ID: ' . $_SERVER['REQUEST_ID']);
	$text = json_encode($object, JSON_UNESCAPED_SLASHES);
	header('Content-Length: ' . strlen($text));
	echo $text;
	exit;
}

function refuse(int $status, string $code): never
{
	answer($status, ['error' => ['code' => $code,
		'requestId' => $_SERVER['REQUEST_ID']]]);
}

function query(PDO $db, string $sql, array $values): ?array
{
	$statement = $db->prepare($sql);
	$statement->execute($values);
	return $statement->fetch(PDO::FETCH_ASSOC) ?: null;
}

$header = $_SERVER['HTTP_AUTHORIZATION'] ?? '';
if (!preg_match('/^Bearer +(cc_(?:live|test)_[0-9A-Za-z]{46})$/', $header, $m))
	refuse(401, 'AUTH_INVALID');
$sha256 = hash('sha256', $m[1]);
$db = new PDO('pgsql:' . strtr(getenv('DATABASE'), ' ', ';'), null, null, [
	PDO::ATTR_PERSISTENT => true,
	PDO::PGSQL_ATTR_DISABLE_PREPARES => true,
	PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
$live = "FROM bench.lamp_key k JOIN codecourier.project p ON p.id = k.project_id
	WHERE k.sha256 = decode(?, 'hex') AND k.revoked_at IS NULL
	AND (k.expires_at IS NULL OR k.expires_at > now())
	AND p.deleted_at IS NULL";

if ($_SERVER['REQUEST_METHOD'] === 'GET') {
	$row = query($db, "SELECT p.id, p.name, p.slug, p.github_repo_url,
		codecourier.ms(p.created_at) AS created,
		codecourier.ms(p.updated_at) AS updated, k.key_id,
		k.last_used_at IS NULL
		OR k.last_used_at < now() - interval '1 minute' AS stale $live",
		[$sha256]) ?? refuse(401, 'AUTH_INVALID');
	if ($row['stale'])
		query($db, 'UPDATE bench.lamp_key SET last_used_at = now()
			WHERE key_id = ?', [$row['key_id']]);
	answer(200, ['data' => ['id' => $row['id'], '_id' => $row['id'],
		'name' => $row['name'], 'slug' => $row['slug'],
		'githubRepoUrl' => $row['github_repo_url'],
		'_creationTime' => $row['created'],
		'updatedAt' => $row['updated']]]);
}

$body = json_decode(file_get_contents('php://input'), true);
if (!is_array($body) || !is_string($body['claudeMd'] ?? null)
	|| strlen($body['claudeMd']) > 262144)
	refuse(400, 'VALIDATION');
$key = query($db, "SELECT k.key_id, k.project_id $live FOR KEY SHARE OF p",
	[$sha256]) ?? refuse(401, 'AUTH_INVALID');
$row = query($db, "WITH done AS (UPDATE codecourier.settings
	SET claude_md = ?, updated_at = now() WHERE project_id = ?
	RETURNING project_id, claude_md, sandbox_system_prompt,
	issue_discovery_prompt, selected_skills, selected_commands,
	selected_scripts, learning_template_id, learning_model,
	merging_template_id, merging_model, git_commit_name, git_commit_email),
	logged AS (INSERT INTO codecourier.audit (project_id, actor,
	actor_key, action, object, object_id, fields, request_id, address)
	SELECT project_id, 'key', ?, 'settings.update', 'settings',
	project_id::text, '{claudeMd}', ?, ? FROM done)
	SELECT claude_md, sandbox_system_prompt, issue_discovery_prompt,
	selected_skills, selected_commands, selected_scripts,
	learning_template_id, learning_model, merging_template_id, merging_model,
	git_commit_name, git_commit_email FROM done",
	[$body['claudeMd'], $key['project_id'], $key['key_id'],
	$_SERVER['REQUEST_ID'], $_SERVER['REMOTE_ADDR']]);
answer(200, ['data' => [
	'sandboxSystemPrompt' => $row['sandbox_system_prompt'],
	'claudeMd' => $row['claude_md'],
	'issueDiscoveryPrompt' => $row['issue_discovery_prompt'],
	'selectedSkills' => json_decode($row['selected_skills']),
	'selectedCommands' => json_decode($row['selected_commands']),
	'selectedScripts' => json_decode($row['selected_scripts']),
	'learningTemplateId' => $row['learning_template_id'],
	'learningModel' => $row['learning_model'],
	'mergingTemplateId' => $row['merging_template_id'],
	'mergingModel' => $row['merging_model'],
	'gitCommitName' => $row['git_commit_name'],
	'gitCommitEmail' => $row['git_commit_email']]]);
