// The SQL editor over a textarea, which keeps the text for the form: props {nonce}. Ctrl-Enter runs.
import { basicSetup } from "codemirror";
import { PostgreSQL, sql } from "@codemirror/lang-sql";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { Compartment, Prec } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";

// The page's own colours, which follow light and dark by themselves.
const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--link)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--ok)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
  { tag: tags.comment, color: "var(--soft)" },
]);
const looks = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--paper)" },
  ".cm-content": { minHeight: "6em", fontFamily: "var(--mono)", caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { color: "var(--soft)", backgroundColor: "var(--raised)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    background: "var(--info-tint)",
  },
  ".cm-tooltip": { color: "var(--ink)", backgroundColor: "var(--raised)", border: "1px solid var(--line)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { color: "var(--paper)", backgroundColor: "var(--accent)" },
});

export default async function editor(place, props) {
  const area = place.querySelector("textarea");
  const language = new Compartment();
  const send = () => {
    area.form.requestSubmit(area.form.querySelector("button[value=run]"));
    return true;
  };
  const view = new EditorView({
    doc: area.value,
    extensions: [
      Prec.highest(keymap.of([{ key: "Mod-Enter", run: send }])),
      basicSetup,
      language.of(sql({ dialect: PostgreSQL })),
      EditorView.lineWrapping,
      EditorView.cspNonce.of(props.nonce),
      EditorView.contentAttributes.of({ "aria-label": "Question or SQL" }),
      looks,
      syntaxHighlighting(colours),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) area.value = update.state.doc.toString();
      }),
    ],
  });
  area.hidden = true;
  place.append(view.dom);
  view.focus();
  const answer = await fetch(`${document.body.dataset.api}/ask/names`);
  if (!answer.ok) return; // completion of keywords alone
  const names = await answer.json();
  const schema = Object.fromEntries(
    Object.entries(names.schemas).flatMap(([name, relations]) => [
      [name, relations],
      ...Object.entries(relations).filter(([relation]) => names.visible.includes(relation)),
    ]),
  );
  view.dispatch({ effects: language.reconfigure(sql({ dialect: PostgreSQL, schema })) });
}
