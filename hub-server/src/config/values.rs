//! Values of arguments: limits, lengths of time, moments, networks.

use std::net::IpAddr;

use ipnet::IpNet;

/// A limit, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<u64>);

pub(super) fn parse_count(text: &str) -> Result<Limit, String> {
    match text {
        "none" => Ok(Limit(None)),
        number => match number.parse() {
            Ok(number) if i64::try_from(number).is_ok() => Ok(Limit(Some(number))),
            _ => Err(format!("`{text}` is neither a whole number nor `none`")),
        },
    }
}

pub(super) fn parse_bytes(text: &str) -> Result<Limit, String> {
    const UNITS: [(&str, u64); 8] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
    ];
    let with_unit = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor)));
    let (number, factor) = with_unit.unwrap_or((text, 1));
    let wrong = || format!("`{text}` is neither a number of bytes such as `50GiB` nor `none`");
    let Limit(limit) = parse_count(number).map_err(|_| wrong())?;
    let bytes = limit.map(|number| number.checked_mul(factor).filter(|bytes| *bytes < 1 << 63));
    match bytes {
        None => Ok(Limit(None)),
        Some(Some(bytes)) => Ok(Limit(Some(bytes))),
        Some(None) => Err(wrong()),
    }
}

pub(super) fn parse_first(text: &str) -> Result<jiff::Timestamp, String> {
    parse_moment(text, 0)
}

pub(super) fn parse_end(text: &str) -> Result<jiff::Timestamp, String> {
    parse_moment(text, 1)
}

/// A moment; for a day in UTC its beginning, or that of a later day.
fn parse_moment(text: &str, days: i64) -> Result<jiff::Timestamp, String> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let day = text.parse::<jiff::civil::Date>();
    let day = day.and_then(|day| day.checked_add(jiff::Span::new().days(days)));
    day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC))
        .map(|start| start.timestamp())
        .map_err(|_| {
            format!("`{text}` is neither a day such as `2026-11-01` nor a moment in RFC 3339")
        })
}

pub(super) fn parse_lifetime(text: &str) -> Result<jiff::SignedDuration, String> {
    let lifetime = parse_time(text)?;
    let longest = jiff::SignedDuration::from_hours(10 * 366 * 24);
    if lifetime.is_positive() && lifetime <= longest {
        Ok(lifetime)
    } else {
        Err("a token lasts longer than no time and at most ten years".to_owned())
    }
}

pub(super) fn parse_grace(text: &str) -> Result<jiff::SignedDuration, String> {
    let grace = parse_time(text)?;
    if grace.is_negative() {
        return Err("a time of grace is not negative".to_owned());
    }
    Ok(grace)
}

fn parse_time(text: &str) -> Result<jiff::SignedDuration, String> {
    let wrong = || format!("`{text}` is not a length of time: write such as `90d` or `12h`");
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(|_| wrong())
}

pub(super) fn parse_network(text: &str) -> Result<IpNet, String> {
    let one = text.parse::<IpAddr>().map(IpNet::from);
    one.or_else(|_| text.parse())
        .map_err(|_| format!("`{text}` is neither an address nor a network such as `10.0.0.0/8`"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn bytes_have_units_and_days_an_end() {
        let bytes = |text| parse_bytes(text).map(|Limit(limit)| limit);
        assert_eq!(bytes("none"), Ok(None));
        assert_eq!(bytes("50GiB"), Ok(Some(50 << 30)));
        assert_eq!(bytes("1 kB"), Ok(Some(1000)));
        assert_eq!(bytes("7"), Ok(Some(7)));
        for bad in ["", "GiB", "1.5GiB", "-1", "99999999TiB", "1XB", "1GiBGiB"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        let day = "2026-11-28";
        assert_eq!(
            parse_first(day).unwrap().to_string(),
            "2026-11-28T00:00:00Z"
        );
        assert_eq!(parse_end(day).unwrap().to_string(), "2026-11-29T00:00:00Z");
        let moment = "2026-11-28T12:00:00Z";
        assert_eq!(parse_end(moment).unwrap().to_string(), moment);
        assert!(parse_end("yesterday").is_err());
    }

    #[test]
    fn lifetimes_have_bounds() {
        assert_eq!(parse_lifetime("90d").unwrap().as_hours(), 90 * 24);
        assert_eq!(parse_lifetime("30s").unwrap().as_secs(), 30);
        for bad in ["", "x", "0s", "-1d", "20y", "90"] {
            assert!(parse_lifetime(bad).is_err(), "{bad}");
        }
        assert!(parse_grace("0s").unwrap().is_zero());
        assert!(parse_grace("-1d").is_err());
    }
}
