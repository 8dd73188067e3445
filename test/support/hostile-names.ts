/** Names that PostgreSQL takes for a column, and that YAML or a path may read as something else. */
export const hostileNames: readonly string[] = [
  ['on', 'off', 'yes', 'No', 'y', 'N', 'true', 'False', 'null', 'NULL', '~', '=', '<<', '-', '---', '...'],
  ['1', '-1', '1e3', '0x1F', '0o7', '.inf', '-.INF', '.NaN', '1_000', '190:20:30', '2026-01-01'],
  ['a: b', 'a:', ':a', 'a #b', '#a', 'a#b', '- a', '? a', '&a', '*a', '!a', '!!str', '|', '>', '%a', '@a'],
  ['`a', "it's", '"', '\'"', "''", 'a"b', 'a\\b', '\\n', 'a.b', '.a', 'a.', 'a..b', '$a', '$data'],
  ['$publishTime', 'a[0]', '[0]', '[]', '{}', '{a}', 'a,b', 'a]', '}', ' a', 'a ', 'two words'],
  ['tab\there', 'line\nbreak', 'cr\rx', '\u0001', '\u007f', '\u0085', '\u00a0', '\u2028', '\ufeffa'],
  ['\u200b', 'größe', '注文', 'e\u0301', '\u{1F600}', '\u{E0001}', 'skip', 'path', 'constructor', 'toString'],
  ['hasOwnProperty', 'order', 'user', 'x'.repeat(63), '"'.repeat(60), "'".repeat(60)],
].flat()
