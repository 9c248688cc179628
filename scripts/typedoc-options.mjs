// A TypeDoc plugin: an option that is declared as `name: option(schema, 'what it is', ...)` is documented by that
// sentence and by the default that its schema has, so that the API reference says what --help says.
import { Comment, Converter } from 'typedoc';
import ts from 'typescript';

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (reflection.comment) return;
    const declarations = context.getSymbolFromReflection(reflection)?.declarations ?? [];
    const text = declarations.map(sentenceOf).find((sentence) => sentence !== undefined);
    if (text !== undefined) reflection.comment = new Comment([{ kind: 'text', text }]);
  });
}

/** @param {ts.Declaration} declaration */
function sentenceOf(declaration) {
  const made = schemaOf(declaration);
  if (!made || !ts.isCallExpression(made)) return undefined;
  const { expression, arguments: given } = made;
  if (expression.getText() !== 'option' || given.length < 2) return undefined;
  const [schema, description, facts] = given;
  const words = textOf(description);
  if (words === undefined) return undefined;
  const fallback = defaultOf(schema) ?? facts?.getText().match(/defaultWords: '([^']*)'/)?.[1];
  const sentence = `${words[0].toUpperCase()}${words.slice(1)}.`;
  return fallback === undefined ? sentence : `${sentence} Default: ${fallback}.`;
}

/** `name: option(...)`, `name: aConstant` or `name: typeof aConstant` */
function schemaOf(declaration) {
  if (ts.isPropertySignature(declaration) && declaration.type && ts.isTypeQueryNode(declaration.type)) {
    return constantOf(declaration.type.exprName);
  }
  if (!ts.isPropertyAssignment(declaration)) return undefined;
  return ts.isIdentifier(declaration.initializer) ? constantOf(declaration.initializer) : declaration.initializer;
}

/** What a constant of the same file is: one option may have several names. */
function constantOf(name) {
  return name
    .getSourceFile()
    .statements.filter(ts.isVariableStatement)
    .flatMap(({ declarationList }) => declarationList.declarations)
    .find((declaration) => declaration.name.getText() === name.getText())?.initializer;
}

/** A string literal, or several joined by +. */
function textOf(node) {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isBinaryExpression(node)) return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  return left === undefined || right === undefined ? undefined : left + right;
}

/** `x` of `schema.default(x)`, however deep. */
function defaultOf(node) {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return undefined;
  if (node.expression.name.text === 'default') return node.arguments[0]?.getText();
  return defaultOf(node.expression.expression);
}
