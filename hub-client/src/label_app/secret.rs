//! The one-time secret of the address, and the cookie it is turned into.
//!
//! The address is visible to others on this machine for a moment, in the list of processes, when it is handed
//! to the browser. So its secret works once. Whoever used it has a cookie, which no list shows; who comes
//! with a used secret and that cookie is let in again (a reload of the printed address). Who comes with a used
//! secret and no cookie is refused, and a new address is shown where the command was started: a person who
//! wanted a second browser finds it there, somebody else does not.

use std::sync::{Mutex, PoisonError};

use super::LabelError;

/// 256 bits.
const BYTES: usize = 32;

/// Who may use the page.
pub(super) struct Secrets {
    /// The one that works next; none has been used.
    next: Mutex<Option<String>>,
    used: Mutex<Vec<String>>,
    /// The value of the cookie.
    cookie: String,
}

/// What a secret opens.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opens {
    /// The page, with this cookie.
    Page(String),
    /// Nothing; the secret was used before, and here is the one that works next.
    UsedBefore(String),
    /// Nothing.
    Nothing,
}

impl Secrets {
    pub(super) fn new() -> Result<Self, LabelError> {
        Ok(Self {
            next: Mutex::new(Some(random()?)),
            used: Mutex::default(),
            cookie: random()?,
        })
    }

    /// The secret that works next.
    pub(super) fn next(&self) -> Result<String, LabelError> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        match &*next {
            Some(secret) => Ok(secret.clone()),
            None => Ok(next.insert(random()?).clone()),
        }
    }

    /// Uses a secret up.
    pub(super) fn open(&self, secret: &str) -> Opens {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let is_next = next.as_deref().is_some_and(|one| is_same(one, secret));
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if is_next {
            used.extend(next.take());
            return Opens::Page(self.cookie.clone());
        }
        let was_used = used.iter().any(|one| is_same(one, secret));
        drop((next, used));
        match self.next() {
            Ok(another) if was_used => Opens::UsedBefore(another),
            _ => Opens::Nothing,
        }
    }

    /// Whether a cookie is the one that was handed out.
    pub(super) fn is_cookie(&self, value: &str) -> bool {
        is_same(&self.cookie, value)
    }
}

/// A word that nobody guesses.
pub(super) fn random() -> Result<String, LabelError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| LabelError::Randomness {
        reason: error.to_string(),
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Takes as long whatever the difference is.
fn is_same(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    one.len() == other.len() && pairs.fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_secret_opens_once() {
        let secrets = Secrets::new().unwrap();
        let first = secrets.next().unwrap();
        assert_eq!((first.len(), secrets.next().unwrap()), (64, first.clone()));
        assert_eq!(secrets.open("guess"), Opens::Nothing);
        assert_eq!(secrets.open(""), Opens::Nothing);
        let Opens::Page(cookie) = secrets.open(&first) else {
            panic!("the secret was not used yet")
        };
        assert!(secrets.is_cookie(&cookie));
        assert!(
            !secrets.is_cookie(&first)
                && !secrets.is_cookie("")
                && !secrets.is_cookie(&cookie[1..])
        );
        let Opens::UsedBefore(second) = secrets.open(&first) else {
            panic!("the secret was used")
        };
        assert_ne!(second, first);
        assert!(matches!(secrets.open(&second), Opens::Page(_)));
        assert_ne!(Secrets::new().unwrap().next().unwrap(), first);
    }
}
