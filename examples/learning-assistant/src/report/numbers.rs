//! Numbers as people read them.

use std::time::Duration;

use hdrhistogram::Histogram;

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share, such as `71.3 %`; of nothing, `-`.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    format!("{:.1} %", 100.0 * part as f64 / whole as f64)
}

/// `64 MiB`, `1.5 MiB`, `96 KiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let mut size = bytes as f64;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while size >= 1024.0 && units.len() > 0 {
        size /= 1024.0;
        unit = units.next();
    }
    let digits = usize::from(size < 10.0 && size.fract() > 0.0);
    format!("{size:.digits$} {}", unit.copied().unwrap_or_default())
}

/// What happened per second.
pub(super) fn per_second(number: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(f64::EPSILON);
    grouped((number as f64 / seconds).round() as u64)
}

/// Of values in microseconds, that which this share does not exceed, such as `0.25 ms`; of
/// none, `-`.
pub(super) fn quantile(micros: &Histogram<u64>, share: f64) -> String {
    if micros.is_empty() {
        return "-".to_owned();
    }
    format!("{:.2} ms", micros.value_at_quantile(share) as f64 / 1e3)
}

/// A duration in milliseconds.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_thousands() {
        let check = |number, expected| assert_eq!(grouped(number), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
    }

    #[test]
    fn shares_of_nothing_are_no_numbers() {
        assert_eq!(percent(1, 3), "33.3 %");
        assert_eq!(percent(0, 0), "-");
        let mut histogram = Histogram::new(3).unwrap();
        assert_eq!(quantile(&histogram, 0.5), "-");
        histogram += 250;
        assert_eq!(quantile(&histogram, 0.5), "0.25 ms");
    }

    #[test]
    fn sizes_have_a_digit_where_it_says_something() {
        let check = |size, expected| assert_eq!(bytes(size), expected);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1 << 20, "1 MiB");
        check(3 << 19, "1.5 MiB");
        check(96 << 10, "96 KiB");
        check(2048 << 30, "2048 GiB");
    }

    #[test]
    fn rates_are_per_second() {
        assert_eq!(per_second(5_000, Duration::from_secs(2)), "2,500");
    }
}
