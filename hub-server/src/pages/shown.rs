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
pub(super) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let number = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..100_000 => format!("{:.1} kB", number / 1e3),
        100_000..100_000_000 => format!("{:.1} MB", number / 1e6),
        _ => format!("{:.0} MB", number / 1e6),
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
        assert_eq!(size(512), "512 B");
        assert_eq!(size(5_120), "5.1 kB");
        assert_eq!(size(12_870_000), "12.9 MB");
        assert_eq!(size(1_234_567_890), "1235 MB");
    }
}
