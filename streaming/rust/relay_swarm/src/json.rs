//! One flat JSON object, written by hand: numbers, lists of numbers, words.

use std::fmt::{Display, Write};

/// Builds an object field by field.
pub struct Object(String);

impl Object {
    /// An empty object.
    pub fn new() -> Self {
        Self(String::from("{"))
    }

    /// Adds a number (or anything that prints as JSON).
    pub fn put(mut self, name: &str, value: impl Display) -> Self {
        let comma = if self.0.len() > 1 { ", " } else { "" };
        let _ = write!(self.0, "{comma}\"{name}\": {value}");
        self
    }

    /// Adds a number with three decimals; `null` when it is not finite.
    pub fn put_float(self, name: &str, value: f64) -> Self {
        if value.is_finite() {
            self.put(name, format_args!("{value:.3}"))
        } else {
            self.put(name, "null")
        }
    }

    /// Adds a list of numbers with one decimal.
    pub fn put_list(self, name: &str, values: &[f64]) -> Self {
        let items: Vec<String> = values.iter().map(|value| format!("{value:.1}")).collect();
        self.put(name, format_args!("[{}]", items.join(", ")))
    }

    /// The finished text.
    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// The value at `fraction` of the sorted samples; NaN without any. Sorts in place.
pub fn percentile(samples: &mut [f64], fraction: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    match samples.len() {
        0 => f64::NAN,
        len => samples[(((len - 1) as f64) * fraction).round() as usize],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_json_and_what_is_not_finite_is_null() {
        let text = Object::new()
            .put("a", 1)
            .put_float("b", f64::NAN)
            .put_list("c", &[1.0, 2.55])
            .finish();
        assert_eq!(text, r#"{"a": 1, "b": null, "c": [1.0, 2.5]}"#);
    }

    #[test]
    fn percentiles_are_samples() {
        let mut samples: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!(
            (
                percentile(&mut samples, 0.5),
                percentile(&mut samples, 0.99)
            ),
            (50.0, 99.0)
        );
        assert!(percentile(&mut [], 0.5).is_nan());
    }
}
