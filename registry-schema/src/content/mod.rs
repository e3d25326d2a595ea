//! What the bytes of a release's files may not be, whatever the files are called: programs, shared
//! libraries, archives, pickles.

mod png;
mod words;

use std::io::{self, Read};

/// Bytes that are looked at to tell what a file is.
const START_BYTES: u64 = 512;

/// Reads a file of a release, from its first byte: that it is of the kind its path says, and, for a
/// picture or a text, that it is one to its end. Of a graph only the start is read.
///
/// # Errors
/// [`ContentError`] says what the bytes are.
pub fn check(path: &str, mut reader: impl Read) -> Result<(), ContentError> {
    let of = |fault: Fault| fault.of(path);
    let mut start = Vec::new();
    let read = reader
        .by_ref()
        .take(START_BYTES)
        .read_to_end(&mut start)
        .map_err(Fault::Read);
    read.and_then(|_| check_start(path, &start)).map_err(of)?;
    let whole = start.chain(reader);
    match extension(path) {
        "onnx" => Ok(()),
        "png" => png::check(whole).map_err(of),
        _ => words::check(whole).map_err(of),
    }
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn check_start(path: &str, start: &[u8]) -> Result<(), Fault> {
    let refuse = |what| Err(Fault::Refused(what));
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
    match extension(path) {
        "png" if !start.starts_with(b"\x89PNG\r\n\x1a\n") => refuse("not a PNG picture"),
        // Field 1 (ir_version, varint) or another field of a ModelProto comes first.
        "onnx" if !matches!(start.first(), Some(0x08 | 0x12..=0xa2)) => refuse("not an ONNX graph"),
        _ => Ok(()),
    }
}

enum Fault {
    Refused(&'static str),
    Read(io::Error),
}

impl Fault {
    fn of(self, path: &str) -> ContentError {
        let path = path.to_owned();
        match self {
            Self::Refused(what) => ContentError::Refused { path, what },
            Self::Read(source) => ContentError::Read { path, source },
        }
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
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// It is something else.
    #[error("`{path}` is {what}: a release holds an ONNX graph, PNG pictures and text only")]
    Refused {
        /// Which file.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// It cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn refusal(result: Result<(), Fault>) -> &'static str {
        match result {
            Err(Fault::Refused(what)) => what,
            _ => "",
        }
    }

    #[test]
    fn foreign_files_are_found_under_any_name() {
        let mut tar = [0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let cases: [(&str, &[u8], &str); 10] = [
            ("model.onnx", b"\x7fELF\x02\x01", "ELF"),
            ("README.md", b"MZ\x90\0", "PE"),
            ("model.onnx", b"\x80\x02}q\0", "pickle"),
            ("model.onnx", b"\x80\x04\x95\x10\0", "pickle"),
            ("model.onnx", b"PK\x03\x04", "zip"),
            ("model.onnx", &tar, "tar"),
            ("probes/a.png", b"GIF89a", "PNG"),
            ("README.md", b"text\0text", "control characters"),
            ("notes.txt", b"\xff", "UTF-8"),
            ("model.onnx", b"", "ONNX"),
        ];
        for (path, start, word) in cases {
            let error = check(path, start)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(error.contains(word), "{path} {start:?}: {error}");
        }
    }

    #[test]
    fn honest_files_pass() {
        let cases: [(&str, &[u8]); 3] = [
            ("model.onnx", b"\x08\x08\x12\x0bpytorch"),
            ("README.md", "# Über".as_bytes()),
            ("notes.txt", b""),
        ];
        for (path, bytes) in cases {
            assert!(check(path, bytes).is_ok(), "{path}");
        }
    }

    #[test]
    fn what_comes_after_the_start_is_looked_at_too() {
        let mut text = vec![b'a'; 2_000];
        assert!(check("README.md", &text[..]).is_ok());
        text.push(0);
        assert!(check("README.md", &text[..]).is_err());
    }
}
