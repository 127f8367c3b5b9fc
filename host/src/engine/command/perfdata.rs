//! Performance data: `'label'=value[UOM];[warn];[crit];[min];[max]`, as many of them as one likes, with blanks between them
//! (<https://www.monitoring-plugins.org/doc/guidelines.html#AEN201>).

use crate::engine::bindings::types::Measurement;

/// The units of plug-ins, the UCUM code of the base unit, and what a value is multiplied with and then divided by. For bytes
/// the letters are those of the SI, and those of the IEC with an `i`, as Icinga 2 reads them.
const UNITS: [(&str, &str, f64, f64); 23] = [
    ("", "1", 1.0, 1.0),
    ("%", "1", 1.0, 100.0),
    // A counter.
    ("c", "1", 1.0, 1.0),
    ("s", "s", 1.0, 1.0),
    ("ms", "s", 1.0, 1e3),
    ("us", "s", 1.0, 1e6),
    // With the micro sign, and with the letter mu.
    ("\u{b5}s", "s", 1.0, 1e6),
    ("\u{3bc}s", "s", 1.0, 1e6),
    ("ns", "s", 1.0, 1e9),
    ("B", "By", 1.0, 1.0),
    ("kB", "By", 1e3, 1.0),
    ("KB", "By", 1e3, 1.0),
    ("MB", "By", 1e6, 1.0),
    ("GB", "By", 1e9, 1.0),
    ("TB", "By", 1e12, 1.0),
    ("PB", "By", 1e15, 1.0),
    ("EB", "By", 1e18, 1.0),
    ("KiB", "By", 1024.0, 1.0),
    ("MiB", "By", 1_048_576.0, 1.0),
    ("GiB", "By", 1_073_741_824.0, 1.0),
    ("TiB", "By", 1_099_511_627_776.0, 1.0),
    ("PiB", "By", 1_125_899_906_842_624.0, 1.0),
    ("EiB", "By", 1_152_921_504_606_846_976.0, 1.0),
];
/// What stands in a value's place if there is none.
const UNDETERMINED: &str = "U";

/// What was read of performance data.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) measurements: Vec<Measurement>,
    /// Of those with thresholds or bounds: the label, and all of it as it was written.
    pub(super) bounds: Vec<(String, String)>,
    /// What could not be read, as it was written.
    pub(super) unreadable: Vec<String>,
}

/// Reads performance data.
pub(super) fn read(text: &str) -> Figures {
    let mut figures = Figures::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (label, after) = split_label(rest);
        // No blank stands between a label and its value, nor in what has no label.
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        let whole = &rest[..rest.len() - after.len() + end];
        let value = &after[..end];
        match label.and_then(|label| Some((label, value.strip_prefix('=')?))) {
            Some((label, value)) => figures.take(label, value, whole),
            None => figures.unreadable.push(whole.to_owned()),
        }
        rest = after[end..].trim_start();
    }
    figures
}

/// The label at the beginning, if there is one, and what follows it.
fn split_label(text: &str) -> (Option<String>, &str) {
    let Some(quoted) = text.strip_prefix('\'') else {
        let end = text.find(|letter: char| letter == '=' || letter.is_whitespace()).unwrap_or(text.len());
        return ((end > 0).then(|| text[..end].to_owned()), &text[end..]);
    };
    let mut label = String::new();
    let mut rest = quoted;
    while let Some((part, after)) = rest.split_once('\'') {
        label += part;
        rest = after;
        // Two quotes are one that is meant.
        let Some(after) = rest.strip_prefix('\'') else {
            return ((!label.is_empty()).then_some(label), rest);
        };
        label.push('\'');
        rest = after;
    }
    (None, text)
}

impl Figures {
    fn take(&mut self, name: String, value: &str, whole: &str) {
        let figure = value.split(';').next().unwrap_or_default();
        if figure == UNDETERMINED {
            return;
        }
        let Some((value_in_base, unit)) = quantity(figure) else {
            self.unreadable.push(whole.to_owned());
            return;
        };
        if value.len() > figure.len() && !value[figure.len()..].trim_matches(';').is_empty() {
            self.bounds.push((name.clone(), value.to_owned()));
        }
        self.measurements.push(Measurement { name, unit, value: value_in_base });
    }
}

/// A number with a unit, in the base unit.
fn quantity(figure: &str) -> Option<(f64, String)> {
    let (number, unit) = figure.split_at(number_length(figure));
    let number: f64 = number.parse().ok()?;
    match UNITS.iter().find(|(known, ..)| *known == unit) {
        Some((_, base, times, by)) => Some((number * times / by, (*base).to_owned())),
        // A digit in a unit is a number that was misread: `0,5s`.
        None if unit.contains(|letter: char| letter.is_ascii_digit() || "'\"=".contains(letter)) => None,
        None => Some((number, unit.to_owned())),
    }
}

/// How many bytes of a text are a number: digits, a sign, a point, and an exponent if there is one.
fn number_length(text: &str) -> usize {
    let mantissa = text.find(|letter: char| !letter.is_ascii_digit() && !"+-.".contains(letter)).unwrap_or(text.len());
    let Some(exponent) = text[mantissa..].strip_prefix(['e', 'E']) else { return mantissa };
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let length = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    if length == 0 { mantissa } else { text.len() - digits.len() + length }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_base_units() {
        for (text, value, unit) in [
            ("a=5", 5.0, "1"),
            ("a=-0.5", -0.5, "1"),
            ("a=1e-05s", 1e-5, "s"),
            ("a=2.5E3", 2500.0, "1"),
            ("a=250ms", 0.25, "s"),
            ("a=12us", 12e-6, "s"),
            ("a=12\u{b5}s", 12e-6, "s"),
            ("a=69%", 0.69, "1"),
            ("a=3c", 3.0, "1"),
            ("a=5B", 5.0, "By"),
            ("a=5KB", 5e3, "By"),
            ("a=2643MB;5948;5958;0;5968", 2643e6, "By"),
            ("a=1TB", 1e12, "By"),
            ("a=2GiB", 2_147_483_648.0, "By"),
            ("a=3requests", 3.0, "requests"),
            ("a=21C", 21.0, "C"),
            ("a=1e", 1.0, "e"),
        ] {
            let Figures { measurements, unreadable, .. } = read(text);
            assert_eq!(unreadable, Vec::<String>::new(), "{text}");
            assert_eq!((measurements[0].value, measurements[0].unit.as_str()), (value, unit), "{text}");
        }
    }

    #[test]
    fn labels_may_be_quoted() {
        let read = read(" 'C:\\ used'=4GB;;;0;9 'it''s'=1  time=2s;1:5;@7\t/home=3B;;;; ");
        let names: Vec<_> = read.measurements.iter().map(|measurement| measurement.name.as_str()).collect();
        assert_eq!(names, ["C:\\ used", "it's", "time", "/home"]);
        let bounds: Vec<_> = read.bounds.iter().map(|(label, bounds)| (label.as_str(), bounds.as_str())).collect();
        assert_eq!(bounds, [("C:\\ used", "4GB;;;0;9"), ("time", "2s;1:5;@7")]);
        assert_eq!(read.unreadable, Vec::<String>::new());
    }

    #[test]
    fn what_can_not_be_read_is_told_and_what_is_undetermined_is_left_out() {
        for (text, unreadable, names) in [
            ("a=U b=1", "", "b"),
            ("a b=1", "a", "b"),
            ("a= b=1", "a=", "b"),
            ("=5 b=1", "=5", "b"),
            ("a=0,5s b=1", "a=0,5s", "b"),
            ("a=1.2.3 b=1", "a=1.2.3", "b"),
            ("''=5 b=1", "''=5", "b"),
            ("'open=5 b=1", "'open=5", "b"),
            ("'a' =5 b=1", "'a' =5", "b"),
            ("a=nan b=1", "a=nan", "b"),
            ("a='1' b=1", "a='1'", "b"),
            ("", "", ""),
        ] {
            let read = read(text);
            let found: Vec<_> = read.measurements.iter().map(|measurement| measurement.name.as_str()).collect();
            assert_eq!((read.unreadable.join(" ").as_str(), found.join(" ").as_str()), (unreadable, names), "{text}");
        }
    }
}
