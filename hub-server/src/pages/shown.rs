//! Numbers and times as people read them.

use jiff::Timestamp;

use crate::database::DatabaseError;

/// A moment: the day for reading, the whole for machines and for a closer look.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) day: String,
    pub(super) minute: String,
    pub(super) exact: String,
}

impl Moment {
    /// Of seconds since 1970.
    pub(super) fn of(seconds: i64) -> Result<Self, DatabaseError> {
        let time = Timestamp::from_second(seconds).map_err(|_| DatabaseError::Corrupt {
            what: "a time that is none",
        })?;
        Ok(Self {
            day: time.strftime("%Y-%m-%d").to_string(),
            minute: time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            exact: time.to_string(),
        })
    }
}

/// `12.9 MB`: a million bytes each, as disks and networks count.
pub(super) fn megabytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let megabytes = bytes as f64 / 1e6;
    match bytes {
        0..100_000 => format!("{megabytes:.3} MB"),
        100_000..100_000_000 => format!("{megabytes:.1} MB"),
        _ => format!("{megabytes:.0} MB"),
    }
}

/// `93.4 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `3 members`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(megabytes(5_120), "0.005 MB");
        assert_eq!(megabytes(12_870_000), "12.9 MB");
        assert_eq!(megabytes(1_234_567_890), "1235 MB");
    }
}
