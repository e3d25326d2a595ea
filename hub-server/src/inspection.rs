//! What the hub looks at in a release's files before it lists them. Nothing is run.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use registry_schema::content::{ContentError, START_BYTES, check_start};
use registry_schema::graph::inspect_graph;
use registry_schema::limits;
use registry_schema::manifest::{GRAPH_FILE, ProbeError, ProbeVectors, VECTORS_FILE};
use registry_schema::onnx::{InspectionPolicy, OnnxError, inspect};
use registry_schema::statement::ReleaseFile;
use registry_schema::verify::VerifiedRelease;

use crate::blobs::{BlobError, Blobs, PIECE_BYTES};

/// Looks into every file of a release, whose blobs must be there.
///
/// # Errors
/// [`InspectionError`] names the first file that is refused.
pub(crate) fn inspect_files(
    blobs: &Blobs,
    release: &VerifiedRelease,
) -> Result<(), InspectionError> {
    for file in release.files() {
        let refused = |source| InspectionError::Read {
            path: file.path.clone(),
            source,
        };
        let mut blob = open(blobs, file)?;
        let start = read_start(&mut blob).map_err(refused)?;
        check_start(&file.path, &start)?;
        blob.seek(SeekFrom::Start(0)).map_err(refused)?;
        let reader = BufReader::with_capacity(PIECE_BYTES, blob);
        let extension = file
            .path
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension);
        let graph = |source| InspectionError::Graph {
            path: file.path.clone(),
            source,
        };
        match extension {
            "onnx" if file.path == GRAPH_FILE => {
                inspect_graph(reader, file.size_bytes, release.manifest()).map_err(graph)?;
            }
            "onnx" => {
                inspect(reader, file.size_bytes, &InspectionPolicy::default()).map_err(graph)?;
            }
            "png" => check_png(reader).map_err(|fault| fault.of(&file.path))?,
            _ => check_text(reader).map_err(|fault| fault.of(&file.path))?,
        }
    }
    Ok(())
}

/// Reads the probe vectors of a release: of the manifest's length, one for each probe image.
pub(crate) fn read_vectors(
    blobs: &Blobs,
    release: &VerifiedRelease,
) -> Result<ProbeVectors, InspectionError> {
    let file = release.file(VECTORS_FILE).ok_or(InspectionError::Vectors)?;
    let mut bytes = Vec::new();
    open(blobs, file)?
        .take(limits::PROBE_VECTORS_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|source| InspectionError::Read {
            path: file.path.clone(),
            source,
        })?;
    let vectors = ProbeVectors::parse(&bytes, release.manifest().output.dimension)?;
    let images = release.probe_images().map(|image| &image.path);
    if vectors.vectors.keys().eq(images) {
        Ok(vectors)
    } else {
        Err(InspectionError::Vectors)
    }
}

fn open(blobs: &Blobs, file: &ReleaseFile) -> Result<File, InspectionError> {
    match blobs.open(&file.digest)? {
        Some((blob, size_bytes)) if size_bytes == file.size_bytes => Ok(blob),
        _ => Err(InspectionError::Gone {
            path: file.path.clone(),
        }),
    }
}

fn read_start(file: &mut File) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(START_BYTES);
    file.take(START_BYTES as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// UTF-8 without control characters other than line ends and tabs, however long.
fn check_text(mut reader: impl Read) -> Result<(), Fault> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut kept = 0;
    loop {
        let read = reader.read(&mut piece[kept..]).map_err(Fault::Read)?;
        let filled = kept + read;
        let valid = match std::str::from_utf8(&piece[..filled]) {
            Ok(_) => filled,
            // A character cut in two by the end of the piece; at the end of the file it is a fault.
            Err(error) if error.error_len().is_none() && read > 0 => error.valid_up_to(),
            Err(_) => return Err(Fault::Refused("not UTF-8 text")),
        };
        let is_control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
        if piece[..valid].iter().any(is_control) {
            return Err(Fault::Refused("not text: it holds control characters"));
        }
        if read == 0 {
            return Ok(());
        }
        piece.copy_within(valid..filled, 0);
        kept = filled - valid;
    }
}

/// A PNG (W3C PNG, third edition, section 5): signature, `IHDR` first with a size within limits,
/// whole chunks, `IEND` last and nothing after it, where another file could hide.
fn check_png(mut reader: impl Read) -> Result<(), Fault> {
    let mut signature = [0; 8];
    read_exact(&mut reader, &mut signature)?;
    let mut is_first = true;
    loop {
        let mut head = [0; 8];
        read_exact(&mut reader, &mut head)?;
        let [a, b, c, d, kind @ ..] = head;
        let length = u64::from(u32::from_be_bytes([a, b, c, d]));
        if is_first != (&kind == b"IHDR") || (is_first && length != 13) {
            return Err(Fault::Refused("a PNG picture without a header"));
        }
        let mut body = reader.by_ref().take(length + 4);
        if is_first {
            let mut size = [0; 8];
            read_exact(&mut body, &mut size)?;
            let [a, b, c, d, e, f, g, h] = size;
            let width = u64::from(u32::from_be_bytes([a, b, c, d]));
            let height = u64::from(u32::from_be_bytes([e, f, g, h]));
            if !(1..=limits::IMAGE_PIXELS).contains(&(width.saturating_mul(height))) {
                return Err(Fault::Refused("a PNG picture of no or too many pixels"));
            }
        }
        io::copy(&mut body, &mut io::sink()).map_err(Fault::Read)?;
        if body.limit() > 0 {
            return Err(Fault::Refused("a truncated PNG picture"));
        }
        if &kind == b"IEND" {
            break;
        }
        is_first = false;
    }
    match reader.read(&mut [0]).map_err(Fault::Read)? {
        0 => Ok(()),
        _ => Err(Fault::Refused("a PNG picture with something after its end")),
    }
}

fn read_exact(reader: &mut impl Read, buffer: &mut [u8]) -> Result<(), Fault> {
    reader
        .read_exact(buffer)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Refused("a truncated PNG picture"),
            _ => Fault::Read(error),
        })
}

enum Fault {
    Refused(&'static str),
    Read(io::Error),
}

impl Fault {
    fn of(self, path: &str) -> InspectionError {
        let path = path.to_owned();
        match self {
            Self::Refused(what) => InspectionError::Refused { path, what },
            Self::Read(source) => InspectionError::Read { path, source },
        }
    }
}

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InspectionError {
    /// A program, archive or pickle, or another kind than its name says.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Not whole, or not what its name says.
    #[error("`{path}` is {what}")]
    Refused {
        /// Which file.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// The graph.
    #[error("`{path}` is refused: {source}")]
    Graph {
        /// Which file.
        path: String,
        /// Why.
        source: OnnxError,
    },
    /// The probe vectors.
    #[error(transparent)]
    Probes(#[from] ProbeError),
    /// Vectors without image or images without vector.
    #[error(
        "`{VECTORS_FILE}` does not name exactly the probe images of the release: make it anew with `hub check`"
    )]
    Vectors,
    /// The blob went away between two steps.
    #[error("the blob of `{path}` is not there, or has another size: upload it again")]
    Gone {
        /// Which file.
        path: String,
    },
    /// The disk.
    #[error("cannot read the blob of `{path}`")]
    Read {
        /// Which file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The store of blobs.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;

    fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, body) in chunks {
            bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
            bytes.extend(*kind);
            bytes.extend(*body);
            bytes.extend([0; 4]);
        }
        bytes
    }

    fn refusal(result: Result<(), Fault>) -> &'static str {
        match result {
            Ok(()) => "",
            Err(Fault::Refused(what)) => what,
            Err(Fault::Read(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn pictures_are_whole_and_nothing_else() {
        let header = [0, 0, 0, 2, 0, 0, 0, 3, 8, 2, 0, 0, 0];
        let good = png(&[(b"IHDR", &header), (b"IDAT", b"xyz"), (b"IEND", b"")]);
        assert_eq!(refusal(check_png(&good[..])), "");
        for cut in 0..good.len() {
            assert!(
                refusal(check_png(&good[..cut])).contains("truncated"),
                "{cut}"
            );
        }
        let mut followed = good.clone();
        followed.push(b'P');
        assert!(refusal(check_png(&followed[..])).contains("after"));
        let headless = png(&[(b"IDAT", b"xyz"), (b"IEND", b"")]);
        assert!(refusal(check_png(&headless[..])).contains("header"));
        let huge = [0xff; 13];
        assert!(refusal(check_png(&png(&[(b"IHDR", &huge)])[..])).contains("pixels"));
    }

    #[test]
    fn text_is_utf_8_across_the_edges_of_pieces() {
        let long = "ä€😀\n".repeat(PIECE_BYTES / 5);
        assert_eq!(refusal(check_text(long.as_bytes())), "");
        assert_eq!(refusal(check_text(&b""[..])), "");
        assert!(refusal(check_text(&long.as_bytes()[..1])).contains("UTF-8"));
        assert!(refusal(check_text(&b"a\xffb"[..])).contains("UTF-8"));
        assert!(refusal(check_text(&b"cos\nsystem\n\x01"[..])).contains("control"));
    }
}
