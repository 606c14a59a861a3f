//! Reads a table of the file key by key: a mistake is reported and reading goes on, and what
//! nobody asked for is an unknown key.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Environment;
use super::problem::{Reporter, closest, one_of};

/// A value in a table whose keys are names.
pub(super) enum Named<'t> {
    /// A string.
    Text(Spanned<String>),
    /// A table.
    Section(Section<'t>),
}

/// A table of the file.
pub(super) struct Section<'t> {
    /// As the file names it, such as `listener.tls`.
    pub(super) name: String,
    /// Where it begins.
    pub(super) span: Range<usize>,
    /// Where mistakes go.
    pub(super) reporter: &'t Reporter,
    /// What the file may refer to.
    pub(super) environment: &'t Environment<'t>,
    table: &'t DeTable<'t>,
    known: RefCell<BTreeSet<&'static str>>,
}

impl<'t> Section<'t> {
    pub(super) fn new(
        name: impl Into<String>,
        table: &'t DeTable<'t>,
        span: Range<usize>,
        reporter: &'t Reporter,
        environment: &'t Environment<'t>,
    ) -> Self {
        let known = RefCell::default();
        Self {
            name: name.into(),
            span,
            reporter,
            environment,
            table,
            known,
        }
    }

    /// The raw value of a key that may be missing.
    pub(super) fn value(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.borrow_mut().insert(key);
        self.table.get(key)
    }

    /// Does the table have this key? Asking makes it a known one.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// A string that may be missing.
    pub(super) fn string(&self, key: &'static str) -> Option<Spanned<String>> {
        let value = self.value(key)?;
        match value.get_ref().as_str() {
            Some("") => {
                self.reporter
                    .report(value.span(), format!("`{key}` is empty"));
                None
            }
            Some(text) => Some(Spanned::new(value.span(), text.to_owned())),
            None => self.wrong_type(key, value, "a string"),
        }
    }

    /// A string that must be there.
    pub(super) fn required_string(&self, key: &'static str) -> Option<Spanned<String>> {
        self.require(key)?;
        self.string(key)
    }

    /// A string or a list of strings; missing gives an empty list.
    pub(super) fn strings(&self, key: &'static str) -> Vec<Spanned<String>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            return self.string(key).into_iter().collect();
        };
        let mut strings = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_str() {
                Some(text) => strings.push(Spanned::new(item.span(), text.to_owned())),
                None => {
                    self.wrong_type::<()>(key, item, "a list of strings");
                }
            }
        }
        strings
    }

    /// A boolean; missing is false.
    pub(super) fn boolean(&self, key: &'static str) -> bool {
        let Some(value) = self.value(key) else {
            return false;
        };
        match value.get_ref().as_bool() {
            Some(boolean) => boolean,
            None => self.wrong_type::<()>(key, value, "true or false").is_some(),
        }
    }

    /// An integer within bounds; missing or wrong gives the default.
    pub(super) fn integer(
        &self,
        key: &'static str,
        bounds: RangeInclusive<u64>,
        default: u64,
    ) -> u64 {
        let Some(value) = self.value(key) else {
            return default;
        };
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_type::<()>(key, value, "a whole number");
            return default;
        };
        let digits = integer.as_str().replace('_', "");
        match u64::from_str_radix(&digits, integer.radix()) {
            Ok(number) if bounds.contains(&number) => number,
            _ => {
                let (low, high) = bounds.into_inner();
                let message = format!("`{key}` must be between {low} and {high}");
                self.reporter.report(value.span(), message);
                default
            }
        }
    }

    /// One of a fixed set of words; missing or wrong gives the default.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&'static str, T)],
        default: T,
    ) -> T {
        let Some(word) = self.string(key) else {
            return default;
        };
        self.chosen(key, &word, choices).unwrap_or(default)
    }

    /// One of a fixed set of words that must be there.
    pub(super) fn required_choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let word = self.required_string(key)?;
        self.chosen(key, &word, choices)
    }

    /// A table below this one; missing gives `None`.
    pub(super) fn section(&self, key: &'static str) -> Option<Section<'t>> {
        let value = self.value(key)?;
        match value.get_ref().as_table() {
            Some(table) => Some(self.below(key, table, value.span())),
            None => self.wrong_type(key, value, "a table"),
        }
    }

    /// The tables of `[[key]]`; missing gives none.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'t>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            let message = format!("`{key}` must be a list of tables");
            let hint = format!("write `[[{key}]]` with two brackets");
            self.reporter.report_with_hint(value.span(), message, hint);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_table() {
                Some(table) => sections.push(self.below(key, table, item.span())),
                None => {
                    self.wrong_type::<()>(key, item, "a list of tables");
                }
            }
        }
        sections
    }

    /// Keys and values of a table whose keys are names: strings, or tables below this one.
    pub(super) fn named(&self, key: &'static str) -> Vec<(Spanned<String>, Named<'t>)> {
        let Some(section) = self.section(key) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for (name, value) in section.table {
            let text = value.get_ref().as_str();
            let text = text.map(|text| Spanned::new(value.span(), text.to_owned()));
            let table = value.get_ref().as_table();
            let read = match (text, table) {
                (Some(text), _) => Some(Named::Text(text)),
                (None, Some(table)) => {
                    let below = section.below(name.get_ref(), table, value.span());
                    Some(Named::Section(below))
                }
                (None, None) => self.wrong_type(name.get_ref(), value, "a string"),
            };
            let name = Spanned::new(name.span(), name.get_ref().clone().into_owned());
            all.extend(read.map(|read| (name, read)));
        }
        all
    }

    /// The names of such a table with the string of each: the value itself, or what stands under
    /// `inner` in it. What is of another type is left out: [`Section::named`] reports it.
    pub(super) fn references(
        &self,
        key: &'static str,
        inner: &str,
    ) -> Vec<(Spanned<String>, Spanned<String>)> {
        let table = self.value(key).and_then(|value| value.get_ref().as_table());
        let mut pairs = Vec::new();
        for (name, value) in table.into_iter().flatten() {
            let value = match value.get_ref().as_table() {
                Some(table) => table.get(inner),
                None => Some(value),
            };
            if let Some(value) = value
                && let Some(text) = value.get_ref().as_str()
            {
                pairs.push((
                    Spanned::new(name.span(), name.get_ref().clone().into_owned()),
                    Spanned::new(value.span(), text.to_owned()),
                ));
            }
        }
        pairs
    }

    /// Keys and string values of a table whose keys are names.
    pub(super) fn pairs(&self, key: &'static str) -> Vec<(Spanned<String>, Spanned<String>)> {
        let strings = self.named(key).into_iter();
        let text = |(name, value): (Spanned<String>, Named<'_>)| match value {
            Named::Text(text) => Some((name, text)),
            Named::Section(section) => {
                let message = format!("`{}` must be a string, this is a table", name.get_ref());
                section.reporter.report(section.span.clone(), message);
                None
            }
        };
        strings.filter_map(text).collect()
    }

    /// Keys and values of a table whose keys are names, as they stand.
    pub(super) fn entries(
        &self,
        key: &'static str,
    ) -> Vec<(Spanned<String>, &'t Spanned<DeValue<'t>>)> {
        let Some(section) = self.section(key) else {
            return Vec::new();
        };
        let name = |name: &Spanned<std::borrow::Cow<'t, str>>| {
            Spanned::new(name.span(), name.get_ref().clone().into_owned())
        };
        let entries = section.table.iter();
        entries.map(|(key, value)| (name(key), value)).collect()
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(&self) {
        let known = self.known.borrow();
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if known.contains(name) {
                continue;
            }
            let place = match self.name.as_str() {
                "" => String::new(),
                name => format!(" in `{name}`"),
            };
            let hint = match closest(name, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known here: {}", one_of(known.iter().copied())),
            };
            let message = format!("unknown key `{name}`{place}");
            self.reporter.report_with_hint(key.span(), message, hint);
        }
    }

    /// Reports a key that must be there and is not.
    pub(super) fn require(&self, key: &'static str) -> Option<()> {
        if self.has(key) {
            return Some(());
        }
        let message = format!("`{}` lacks `{key}`", self.name);
        self.reporter.report(self.span.clone(), message);
        None
    }

    /// Reports that a value has the wrong type; always `None`.
    pub(super) fn wrong_type<T>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        wanted: &str,
    ) -> Option<T> {
        let found = value.get_ref().type_str();
        let message = format!("`{key}` must be {wanted}, this is a value of type {found}");
        self.reporter.report(value.span(), message);
        None
    }

    fn below(&self, key: &str, table: &'t DeTable<'t>, span: Range<usize>) -> Section<'t> {
        let name = match self.name.as_str() {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        };
        Section::new(name, table, span, self.reporter, self.environment)
    }

    fn chosen<T: Copy>(
        &self,
        key: &str,
        word: &Spanned<String>,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let found = choices.iter().find(|(name, _)| name == word.get_ref());
        if let Some((_, value)) = found {
            return Some(*value);
        }
        let names = || choices.iter().map(|(name, _)| *name);
        let message = format!("`{}` is not a known value of `{key}`", word.get_ref());
        let hint = match closest(word.get_ref(), names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write {}", one_of(names())),
        };
        self.reporter.report_with_hint(word.span(), message, hint);
        None
    }
}
