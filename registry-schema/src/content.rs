//! What the bytes of a release's files may not be, whatever the files are called: programs, shared
//! libraries, archives, pickles.

/// How many bytes from the start of a file [`check_start`] wants to see, or all of a shorter one.
pub const START_BYTES: usize = 512;

/// Checks the first [`START_BYTES`] bytes of a file against the kind its path says it is.
///
/// # Errors
/// [`ContentError`] says what the bytes are.
pub fn check_start(path: &str, start: &[u8]) -> Result<(), ContentError> {
    let refuse = |what| {
        Err(ContentError {
            path: path.to_owned(),
            what,
        })
    };
    if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| start.starts_with(magic)) {
        return refuse(what);
    }
    if start.get(257..262) == Some(b"ustar") {
        return refuse("a tar archive");
    }
    // Pickle protocols 2 to 5: PROTO, the number, and FRAME, a mark or an opcode of an object.
    if matches!(
        start,
        [
            0x80,
            2..=5,
            0x95 | b'(' | b'}' | b']' | b'c' | b'X' | 0x8a | 0x8c,
            ..
        ]
    ) {
        return refuse("a Python pickle");
    }
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "png" if !start.starts_with(b"\x89PNG\r\n\x1a\n") => refuse("not a PNG picture"),
        // Field 1 (ir_version, varint) or another field of a ModelProto comes first.
        "onnx" if !matches!(start.first(), Some(0x08 | 0x12..=0xa2)) => refuse("not an ONNX graph"),
        "json" | "md" | "txt" | "csv" if start.contains(&0) => refuse("not text"),
        _ => Ok(()),
    }
}

/// Starts of files that have no place in a release.
const FOREIGN: [(&[u8], &str); 15] = [
    (b"\x7fELF", "a program or shared library (ELF)"),
    (b"MZ", "a program or shared library (PE)"),
    (b"\xfe\xed\xfa\xce", "a program or shared library (Mach-O)"),
    (b"\xfe\xed\xfa\xcf", "a program or shared library (Mach-O)"),
    (b"\xce\xfa\xed\xfe", "a program or shared library (Mach-O)"),
    (b"\xcf\xfa\xed\xfe", "a program or shared library (Mach-O)"),
    (b"\xca\xfe\xba\xbe", "a program or class file"),
    (b"#!", "a script"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
];

/// A file is not what a release may carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is {what}: a release holds an ONNX graph, PNG pictures and text only")]
pub struct ContentError {
    path: String,
    what: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_files_are_found_under_any_name() {
        let mut tar = [0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let cases: [(&str, &[u8], &str); 9] = [
            ("model.onnx", b"\x7fELF\x02\x01", "ELF"),
            ("README.md", b"MZ\x90\0", "PE"),
            ("model.onnx", b"\x80\x02}q\0", "pickle"),
            ("model.onnx", b"\x80\x04\x95\x10\0", "pickle"),
            ("model.onnx", b"PK\x03\x04", "zip"),
            ("model.onnx", &tar, "tar"),
            ("probes/a.png", b"GIF89a", "PNG"),
            ("README.md", b"text\0text", "text"),
            ("model.onnx", b"", "ONNX"),
        ];
        for (path, start, word) in cases {
            let error = check_start(path, start)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(error.contains(word), "{path} {start:?}: {error}");
        }
    }

    #[test]
    fn honest_files_pass() {
        assert_eq!(
            check_start("model.onnx", b"\x08\x08\x12\x0bpytorch"),
            Ok(())
        );
        assert_eq!(
            check_start("probes/a.png", b"\x89PNG\r\n\x1a\n\0\0"),
            Ok(())
        );
        assert_eq!(check_start("README.md", "# Über".as_bytes()), Ok(()));
        assert_eq!(check_start("notes.txt", b""), Ok(()));
    }
}
