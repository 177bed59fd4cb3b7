// Analyses KQL with Microsoft's language service, for as long as standard input stays open. The
// argument is the folder that has `node_modules/@kusto/language-service-next`.
//
// Each line in is a JSON object {id, kql, tables: {table: {column: type}}}. Each line out answers
// one, in order: {id, diagnostics: [{severity, code, message, start, text}],
// columns: [[name, type]] or null, tokens: [[text, value]]}. The value of a token is what the
// language service reads in a string literal, and null for all others.

import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const require = createRequire(join(resolve(process.argv[2]), "package.json"));
require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");

const { Bridge, Kusto } = globalThis;
const { GlobalState, KustoCode, KustoFacts, Symbols } = Kusto.Language;
const { SyntaxKind } = Kusto.Language.Syntax;

function* each(sequence) {
  const enumerator = Bridge.getEnumerator(sequence);
  while (enumerator.moveNext()) yield enumerator.Current;
}

function databaseOf(tables) {
  const symbols = Object.entries(tables).map(([table, columns]) => {
    const schema = Object.entries(columns).map(([name, type]) => `['${name}']: ${type}`);
    return new Symbols.TableSymbol.$ctor7(table, `(${schema.join(", ")})`, null);
  });
  return GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor("workspace", symbols));
}

const databases = new Map();

function globalsFor(tables) {
  const key = JSON.stringify(tables);
  if (!databases.has(key)) databases.set(key, databaseOf(tables));
  return databases.get(key);
}

function analyse({ id, kql, tables }) {
  const code = KustoCode.ParseAndAnalyze(kql, globalsFor(tables));
  const columns = code.ResultType?.Columns;
  return {
    id,
    diagnostics: [...each(code.GetDiagnostics())].map((found) => ({
      severity: found.Severity,
      code: found.Code,
      message: found.Message,
      start: found.Start,
      text: kql.slice(found.Start, found.Start + found.Length),
    })),
    columns: columns ? [...each(columns)].map((column) => [column.Name, column.Type.Name]) : null,
    tokens: [...each(code.GetLexicalTokens())].map((token) => [
      token.Text,
      token.Kind === SyntaxKind.StringLiteralToken
        ? KustoFacts.GetStringLiteralValue(token.Text)
        : null,
    ]),
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(analyse(JSON.parse(line)))}\n`);
}
