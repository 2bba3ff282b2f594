// The SQL editor over a textarea, which keeps the text for the form: props {nonce}. Ctrl-Enter runs.
import { basicSetup } from "codemirror";
import { PostgreSQL, sql } from "@codemirror/lang-sql";
import { Compartment, Prec } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";

export default async function editor(place, props) {
  const area = place.querySelector("textarea");
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
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
      EditorView.theme({ ".cm-content": { minHeight: "6em", fontFamily: "var(--mono)" } }, { dark }),
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
