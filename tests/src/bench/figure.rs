//! Owns a measured figure: what it is compared with, what it should be at most, and how it is shown.
//! Takes samples; gives medians, percentiles, a table for people and JSON lines for programs.
//! Must never show a figure as met that has no target, or hide one that misses it.

use serde::Serialize;

/// One figure. What does not apply to it is left out of the JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The group it belongs to.
    pub group: &'static str,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What it is compared with, measured in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// How many times as much it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// What it should be at most, or at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    #[serde(skip)]
    sign: &'static str,
    /// Whether it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
}

impl Figure {
    /// A figure for information.
    pub fn new(group: &'static str, name: impl Into<String>, value: f64, unit: &'static str) -> Figure {
        Figure {
            name: name.into(),
            group,
            value: rounded(value),
            unit,
            against: None,
            ratio: None,
            target: None,
            sign: "",
            met: None,
        }
    }

    /// The same with what it should be at most.
    #[must_use]
    pub fn at_most(self, target: f64) -> Figure {
        Figure { target: Some(target), sign: "≤", met: Some(self.value <= target), ..self }
    }

    /// The same with what it should be at least.
    #[must_use]
    pub fn at_least(self, target: f64) -> Figure {
        Figure { target: Some(target), sign: "≥", met: Some(self.value >= target), ..self }
    }

    /// The same compared with something, in the same unit.
    #[must_use]
    pub fn against(self, what: &str, value: f64) -> Figure {
        let against = Some(format!("{what}: {} {}", rounded(value), self.unit));
        Figure { against, ratio: Some(rounded(self.value / value)), ..self }
    }
}

/// To four digits: more would claim what was not measured.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    if scale < 1.0 { value.round() } else { (value * scale).round() / scale }
}

/// The value that so many percent of the samples do not exceed; not a number when there are none.
pub fn percentile(samples: &[f64], percent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// The median.
pub fn median(samples: &[f64]) -> f64 {
    percentile(samples, 50)
}

/// The table for people.
pub fn table(figures: &[Figure]) -> String {
    let name = figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or(0);
    let mut table = format!("{:name$}  {:>12}  {:8}  {:>8}  target\n", "figure", "value", "unit", "ratio");
    for figure in figures {
        let ratio = figure.ratio.map_or(String::new(), |ratio| format!("{ratio}×"));
        let target = match (figure.target, figure.met) {
            (Some(target), Some(true)) => format!("{} {target}: met", figure.sign),
            (Some(target), _) => format!("{} {target}: NOT MET", figure.sign),
            (None, _) => String::new(),
        };
        let line = format!(
            "{:name$}  {:>12}  {:8}  {ratio:>8}  {target}",
            figure.name,
            figure.value.to_string(),
            figure.unit
        );
        table += line.trim_end();
        table.push('\n');
        if let Some(against) = &figure.against {
            table += &format!("    against {against}\n");
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_sample_that_so_many_do_not_exceed() {
        let samples: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!((percentile(&samples, 50), percentile(&samples, 99)), (50.0, 99.0));
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_figure_that_misses_its_target_or_cannot_be_told_is_never_met() {
        let met = |value| Figure::new("hub", "x", value, "s").at_most(1.0).met;
        assert_eq!((met(1.0), met(1.01), met(f64::NAN)), (Some(true), Some(false), Some(false)));
        let met = |value| Figure::new("cloud", "x", value, "/s").at_least(1.0).met;
        assert_eq!((met(1.0), met(0.99), met(f64::NAN)), (Some(true), Some(false), Some(false)));
        assert!(table(&[Figure::new("hub", "x", 2.0, "s").at_most(1.0)]).contains("NOT MET"));
    }

    #[test]
    fn what_does_not_apply_is_left_out_of_the_json() {
        let json = serde_json::to_value(Figure::new("hub", "x", 12_345.6, "B")).unwrap();
        assert_eq!(json, serde_json::json!({ "name": "x", "group": "hub", "value": 12_346.0, "unit": "B" }));
        let compared = Figure::new("hub", "x", 3.0, "ms").against("half", 1.5);
        assert_eq!((compared.ratio, compared.against.as_deref()), (Some(2.0), Some("half: 1.5 ms")));
    }
}
