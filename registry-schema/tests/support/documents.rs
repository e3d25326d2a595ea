//! Commands of the documents, run as they are there.

use std::path::Path;

/// The commands below a mark of a document, `<!-- mark -->` and then a block of `sh`.
pub(crate) fn commands_of(document: &str, mark: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(document);
    let text = std::fs::read_to_string(path).unwrap();
    let after = text.split_once(&format!("<!-- {mark} -->")).unwrap().1;
    let block = after.split_once("```sh\n").unwrap().1;
    block.split_once("```").unwrap().0.to_owned()
}
