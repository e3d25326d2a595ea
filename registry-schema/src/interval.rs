//! How sure a share is that was seen on few images.

/// Wilson's score interval of a share that was seen on n things, as (low, high), both from 0 to 1;
/// `quantile` is that of the normal distribution: 1.645 leaves 5 in 100 on each side. Without
/// things it is everything.
///
/// `centre = (p + q²/2n) / (1 + q²/n)`, `half = q √(p(1−p)/n + q²/4n²) / (1 + q²/n)`
/// (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927).
pub fn wilson(share: f64, n: f64, quantile: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let q = quantile;
    let stretch = 1.0 + q * q / n;
    let centre = (share + q * q / (2.0 * n)) / stretch;
    let half = q * (share * (1.0 - share) / n + q * q / (4.0 * n * n)).sqrt() / stretch;
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_81_in_263() {
        // R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        let (low, high) = wilson(81.0 / 263.0, 263.0, 1.959_964);
        assert!(
            (low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5,
            "{low} to {high}"
        );
    }

    #[test]
    fn edges() {
        assert_eq!(wilson(0.5, 0.0, 1.96), (0.0, 1.0));
        assert_eq!(wilson(1.0, 5.0, 1.96).1, 1.0);
        assert_eq!(wilson(0.0, 5.0, 1.96).0, 0.0);
    }
}
