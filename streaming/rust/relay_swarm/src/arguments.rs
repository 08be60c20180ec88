//! `--name value` pairs. No defaults live here.

use std::collections::HashMap;
use std::str::FromStr;

use crate::Failure;

/// The options of a subcommand.
pub struct Arguments(HashMap<String, String>);

impl Arguments {
    /// Reads pairs.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut pairs = HashMap::new();
        while let Some(word) = words.next() {
            let name = word
                .strip_prefix("--")
                .ok_or_else(|| format!("not an option: {word}"))?;
            let value = words
                .next()
                .ok_or_else(|| format!("option without value: {word}"))?;
            pairs.insert(name.to_owned(), value);
        }
        Ok(Self(pairs))
    }

    /// The value of an option that must be there.
    pub fn required<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        self.optional(name)?
            .ok_or_else(|| format!("missing option: --{name}").into())
    }

    /// The value of an option.
    pub fn optional<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.0.get(name) else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| format!("bad value for --{name}: {text}").into())
    }

    /// Whether an option is there with the word `yes`.
    pub fn is_yes(&self, name: &str) -> Result<bool, Failure> {
        Ok(self
            .optional::<String>(name)?
            .is_some_and(|word| word == "yes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_wrong_ones_named() {
        let parse = |text: &str| Arguments::parse(text.split(' ').map(String::from));
        let arguments = parse("--viewers 50 --spread yes --fps x").unwrap();
        assert_eq!(arguments.required::<usize>("viewers").unwrap(), 50);
        assert!(arguments.is_yes("spread").unwrap() && !arguments.is_yes("audio").unwrap());
        assert!(
            arguments
                .optional::<f64>("fps")
                .unwrap_err()
                .to_string()
                .contains("--fps")
        );
        assert!(
            arguments
                .required::<u32>("server-pid")
                .unwrap_err()
                .to_string()
                .contains("--server-pid")
        );
        assert!(parse("viewers 50").is_err() && parse("--viewers").is_err());
    }
}
