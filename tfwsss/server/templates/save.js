function keep(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function save(form) {
  const all = at("every").checked && items.length > 1;
  const wanted = (all ? items : [current]).filter(item => item.state === "done");
  const stem = all ? chosen().name.replace(/[^\w.-]+/g, "_") : current.stem;
  if (!wanted.length) return fail(`${current.name} has no mask yet.`);
  if (form === "mask" && !all) return keep(new Blob([current.reply.png], {type: "image/png"}), `${stem}.png`);
  if (form === "mask") return keep(zip(wanted.map(({stem: name, reply}) => ({name: `${name}.png`, bytes: reply.png}))),
                                   `${stem}_masks.zip`);
  const text = JSON.stringify(await collected(form, wanted));
  keep(new Blob([text], {type: "application/json"}), `${stem}_${form.replace("-", "_")}.json`);
}

/** One document of all masks: the server writes that of each, with ids that go on. */
async function collected(form, wanted) {
  let whole = null;
  for (const [k, item] of wanted.entries()) {
    const where = new URLSearchParams({model: chosen().name, file: item.name, image: k + 1,
                                       first: 1 + (whole?.annotations?.length ?? 0)});
    const answer = await fetch(`annotations/${form}?${where}`, {method: "POST", body: item.reply.png});
    const found = await answer.json();
    if (!answer.ok) throw new Error(`${item.name}: ${found.error}`);
    if (!whole) whole = found;
    else if (Array.isArray(whole)) whole = whole.concat(found);
    else for (const key of ["images", "annotations"]) whole[key] = whole[key].concat(found[key]);
  }
  return whole;
}
