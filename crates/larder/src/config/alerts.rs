//! From when on people are alerted.

use serde::Deserialize;

/// From when on people are alerted: a warning first, then a critical alert.
///
/// As JSON, `{"hitRate": 70}` sets the warning alone and
/// `{"hitRate": {"warning": 70, "critical": 50}}` both.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AlertThresholds {
    /// `hitRate`, in percent; lower is worse. Default: 70 and 50.
    pub hit_rate: Threshold,
    /// `responseTime`, in milliseconds. Default: 100 and 500.
    pub response_time: Threshold,
    /// `errorRate`, in percent. Default: 5 and 15.
    pub error_rate: Threshold,
    /// `memoryUsage`, in percent. Default: 80 and 95.
    pub memory_usage: Threshold,
}

/// When a figure is worth a warning, and when it is critical.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// From here on it is worth a warning.
    pub warning: f64,
    /// From here on it is critical.
    pub critical: f64,
}

impl Default for AlertThresholds {
    fn default() -> Self {
        let threshold = |warning, critical| Threshold { warning, critical };
        Self {
            hit_rate: threshold(70.0, 50.0),
            response_time: threshold(100.0, 500.0),
            error_rate: threshold(5.0, 15.0),
            memory_usage: threshold(80.0, 95.0),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Given {
    hit_rate: Option<GivenThreshold>,
    response_time: Option<GivenThreshold>,
    error_rate: Option<GivenThreshold>,
    memory_usage: Option<GivenThreshold>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(
    untagged,
    expecting = "a threshold is a number or has a warning and a critical one"
)]
enum GivenThreshold {
    Warning(f64),
    Both(Threshold),
}

/// Which values a figure can have, and which are worse.
enum Scale {
    /// Percent; lower is worse.
    Share,
    /// Percent; higher is worse.
    Load,
    /// Milliseconds; higher is worse.
    Time,
}

impl AlertThresholds {
    /// Reads JSON; the error says what is allowed.
    pub(super) fn from_json(json: &str) -> Result<Self, String> {
        let given: Given = serde_json::from_str(json).map_err(|error| {
            format!(
                "JSON such as {{\"hitRate\":70,\"responseTime\":{{\"warning\":100,\
                 \"critical\":500}},\"errorRate\":5,\"memoryUsage\":80}}: {error}"
            )
        })?;
        let Self {
            hit_rate,
            response_time,
            error_rate,
            memory_usage,
        } = Self::default();
        use Scale::{Load, Share, Time};
        Ok(Self {
            hit_rate: merge("hitRate", given.hit_rate, hit_rate, &Share)?,
            response_time: merge("responseTime", given.response_time, response_time, &Time)?,
            error_rate: merge("errorRate", given.error_rate, error_rate, &Load)?,
            memory_usage: merge("memoryUsage", given.memory_usage, memory_usage, &Load)?,
        })
    }
}

/// A warning given alone may pass the default for critical, which then moves along.
fn merge(
    name: &str,
    given: Option<GivenThreshold>,
    default: Threshold,
    scale: &Scale,
) -> Result<Threshold, String> {
    let threshold = match given {
        None => return Ok(default),
        Some(GivenThreshold::Both(both)) => both,
        Some(GivenThreshold::Warning(warning)) => Threshold {
            warning,
            critical: scale.worse(warning, default.critical),
        },
    };
    let Threshold { warning, critical } = threshold;
    if !scale.contains(warning) || !scale.contains(critical) {
        return Err(format!("with {name} {}", scale.allowed()));
    }
    if (scale.worse(warning, critical) - critical).abs() > f64::EPSILON {
        return Err(format!("with a critical {name} no better than its warning"));
    }
    Ok(threshold)
}

impl Scale {
    fn worse(&self, a: f64, b: f64) -> f64 {
        match self {
            Self::Share => a.min(b),
            Self::Load | Self::Time => a.max(b),
        }
    }

    fn contains(&self, value: f64) -> bool {
        match self {
            Self::Time => value > 0.0 && value.is_finite(),
            _ => (0.0..=100.0).contains(&value),
        }
    }

    fn allowed(&self) -> &'static str {
        match self {
            Self::Time => "in milliseconds, above 0",
            _ => "in percent, from 0 to 100",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Result<Threshold, &str>) {
        match (AlertThresholds::from_json(json), expected) {
            (Ok(read), Ok(expected)) => assert_eq!(read.hit_rate, expected, "{json}"),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{json}: {error}"),
            (read, _) => panic!("{json} was read as {read:?}"),
        }
    }

    #[test]
    fn reads_warnings_alone_and_pairs() {
        let hit_rate = |warning, critical| Ok(Threshold { warning, critical });
        check("{}", hit_rate(70.0, 50.0));
        check(r#"{"hitRate":80}"#, hit_rate(80.0, 50.0));
        check(r#"{"hitRate":40}"#, hit_rate(40.0, 40.0));
        check(
            r#"{"hitRate":{"warning":60,"critical":20}}"#,
            hit_rate(60.0, 20.0),
        );
        check(
            r#"{"hitRate":{"warning":60,"critical":70}}"#,
            Err("no better"),
        );
        check(r#"{"hitRate":101}"#, Err("0 to 100"));
        check(r#"{"responseTime":0}"#, Err("above 0"));
        check(r#"{"hitrate":70}"#, Err("unknown field"));
        check("70", Err("JSON such as"));
    }
}
