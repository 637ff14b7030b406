// Files that are dropped on the page, or pasted into it.

export function listenForFiles(take) {
  addEventListener("paste", (event) => event.clipboardData?.files.length && take([...event.clipboardData.files]));
  for (const name of ["dragenter", "dragover"]) {
    addEventListener(name, (event) => { event.preventDefault(); document.body.classList.add("dragging"); });
  }
  addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dragging"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    take([...event.dataTransfer.files]);
  });
}
