//! Which error it was: PostgreSQL's SQLSTATE, which is the same in every language that its messages may be in. The
//! crates between here and there pass on the message alone, so the code is read from the bytes that pass by.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use diesel::QueryResult;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};

/// Five of `0-9` and `A-Z`.
pub(super) type Code = [u8; 5];

/// What a message begins with here.
const WORD: &str = "SQLSTATE ";

/// Bytes of an error that are looked at; its code comes first.
const LOOKED_AT: usize = 4096;

/// The code of a connection's last error.
#[derive(Clone, Debug, Default)]
pub(super) struct LastCode(Arc<Mutex<Option<Code>>>);

impl LastCode {
    pub(super) fn note(&self, code: Code) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
    }

    /// Puts the code before the message of an error that came from the server.
    pub(super) fn tell<T>(&self, done: QueryResult<T>) -> QueryResult<T> {
        done.map_err(|error| match error {
            Error::DatabaseError(kind, said) if is_from_server(&kind) => {
                let code = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
                match code {
                    Some(code) => Error::DatabaseError(kind, Box::new(Coded::new(code, said))),
                    None => Error::DatabaseError(kind, said),
                }
            }
            other => other,
        })
    }
}

fn is_from_server(kind: &DatabaseErrorKind) -> bool {
    use DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
    !matches!(kind, ClosedConnection | UnableToSendCommand)
}

/// The code that [`LastCode::tell`] has put before a message.
pub(in crate::database) fn code_in(message: &str) -> Option<&str> {
    message.strip_prefix(WORD)?.get(..5)
}

type Said = Box<dyn DatabaseErrorInformation + Send + Sync>;

struct Coded {
    message: String,
    said: Said,
}

impl Coded {
    fn new(code: Code, said: Said) -> Self {
        let code = String::from_utf8_lossy(&code);
        Self {
            message: format!("{WORD}{code}: {}", said.message()),
            said,
        }
    }
}

impl DatabaseErrorInformation for Coded {
    fn message(&self) -> &str {
        &self.message
    }

    fn details(&self) -> Option<&str> {
        self.said.details()
    }

    fn hint(&self) -> Option<&str> {
        self.said.hint()
    }

    fn table_name(&self) -> Option<&str> {
        self.said.table_name()
    }

    fn column_name(&self) -> Option<&str> {
        self.said.column_name()
    }

    fn constraint_name(&self) -> Option<&str> {
        self.said.constraint_name()
    }

    fn statement_position(&self) -> Option<i32> {
        self.said.statement_position()
    }
}

/// Finds errors in what a server says, from the first byte on ("Message Formats" in PostgreSQL's manual): each
/// message is a byte for its kind, four for its length without that byte, and the rest.
#[derive(Default)]
pub(super) struct Listener {
    last: LastCode,
    head: Vec<u8>,
    /// Bytes of the present message that are still to come.
    left: usize,
    /// What has come of it, if it is an error.
    error: Option<Vec<u8>>,
}

impl Listener {
    pub(super) fn new(last: LastCode) -> Self {
        Self {
            last,
            ..Self::default()
        }
    }

    pub(super) fn hear(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let (now, later) = bytes.split_at(bytes.len().min(5 - self.head.len()));
                self.head.extend_from_slice(now);
                bytes = later;
                if let [kind, length @ ..] = self.head.as_slice()
                    && let Ok(length) = <[u8; 4]>::try_from(length)
                {
                    self.left = (u32::from_be_bytes(length) as usize).saturating_sub(4);
                    self.error = (*kind == b'E').then(Vec::new);
                    self.head.clear();
                }
            } else {
                let (now, later) = bytes.split_at(bytes.len().min(self.left));
                self.left -= now.len();
                bytes = later;
                if let Some(error) = &mut self.error {
                    let room = LOOKED_AT.saturating_sub(error.len()).min(now.len());
                    error.extend_from_slice(&now[..room]);
                }
            }
            if self.left == 0
                && let Some(error) = self.error.take()
                && let Some(code) = code_of(&error)
            {
                self.last.note(code);
            }
        }
    }
}

/// The field `C` of an error: each field is a byte for its kind and a text that ends with a zero.
fn code_of(error: &[u8]) -> Option<Code> {
    let mut fields = error.split(|byte| *byte == 0);
    fields.find_map(|field| field.strip_prefix(b"C")?.try_into().ok())
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind], &length.to_be_bytes()[..], body].concat()
    }

    fn error(code: &str) -> Vec<u8> {
        let fields = format!("SFEHLER\0VERROR\0C{code}\0Mkein Platz auf dem Ger\u{e4}t\0\0");
        message(b'E', fields.as_bytes())
    }

    fn heard(bytes: &[u8], piece: usize) -> Option<Code> {
        let last = LastCode::default();
        let mut listener = Listener::new(last.clone());
        bytes.chunks(piece).for_each(|piece| listener.hear(piece));
        *last.0.lock().unwrap()
    }

    #[test]
    fn the_last_code_is_heard_in_pieces_of_any_size() {
        let rows = message(b'D', b"E\0\0\0\x10C00000\0 is data");
        let nothing = message(b'n', b"");
        let said = [
            rows,
            error("55P03"),
            nothing.clone(),
            error("53100"),
            nothing,
        ]
        .concat();
        for piece in 1..said.len() {
            assert_eq!(heard(&said, piece), Some(*b"53100"), "{piece}");
        }
        assert_eq!(heard(&message(b'E', b"Mno code\0\0"), 3), None);
        // However long it is.
        let long = format!("C22021\0M{}\0\0", "x".repeat(100_000));
        assert_eq!(heard(&message(b'E', long.as_bytes()), 999), Some(*b"22021"));
    }

    #[test]
    fn a_code_is_told_of_errors_of_the_server_alone() {
        let last = LastCode::default();
        let failed = |kind| Error::DatabaseError(kind, Box::new("kein Platz".to_owned()));
        let said = |error: QueryResult<()>| last.tell(error).unwrap_err().to_string();
        last.note(*b"53100");
        let closed = said(Err(failed(DatabaseErrorKind::ClosedConnection)));
        assert_eq!(closed, "kein Platz");
        let full = said(Err(failed(DatabaseErrorKind::Unknown)));
        assert_eq!(full, "SQLSTATE 53100: kein Platz");
        assert_eq!(code_in(&full), Some("53100"));
        // It is the one's alone.
        assert_eq!(said(Err(failed(DatabaseErrorKind::Unknown))), "kein Platz");
        assert_eq!(code_in("kein Platz"), None);
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_borne(
            said in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
        ) {
            let mut listener = Listener::default();
            said.iter().for_each(|bytes| listener.hear(bytes));
        }
    }
}
