//! What a webhook sends, as a template of Jinja: <https://docs.rs/minijinja/latest/minijinja/syntax/>.

use std::{fmt, sync::Arc};

use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use thiserror::Error;

/// The one template of each environment.
const BODY: &str = "body";
/// How much a template may do for one message: far more than one that lists the largest summary needs.
const FUEL: u64 = 10_000_000;

/// A template of a body, which is JSON: each value is written as JSON has it, a text with its quotes.
#[derive(Clone)]
pub struct Template {
    text: String,
    environment: Arc<Environment<'static>>,
}

/// What is wrong with a template, or with what it was made of.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct TemplateError(String);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Json);
        // A slip of the pen must be seen when it is made, and not when somebody is to be woken.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.add_template_owned(BODY, text.to_owned()).map_err(|error| TemplateError::of(&error))?;
        Ok(Template { text: text.to_owned(), environment: Arc::new(environment) })
    }

    /// What is sent of this.
    ///
    /// # Errors
    ///
    /// The template names what there is not, or does too much.
    pub fn render(&self, of: &impl Serialize) -> Result<String, TemplateError> {
        let template = self.environment.get_template(BODY).map_err(|error| TemplateError::of(&error))?;
        template.render(of).map_err(|error| TemplateError::of(&error))
    }
}

impl TemplateError {
    fn of(error: &minijinja::Error) -> TemplateError {
        let line = error.line().map(|line| format!(" in line {line} of the template")).unwrap_or_default();
        let detail = error.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        TemplateError(format!("{}{detail}{line}", error.kind()))
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Template) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_json_has_them() {
        let template =
            Template::parse(r#"{"t": {{ title }}, "n": [{% for item in items %}{{ item.check }}{% endfor %}]}"#);
        let rendered = template.unwrap().render(&json!({ "title": "a \"b\"\n", "items": [{ "check": "x" }] })).unwrap();
        let value: serde_json::Value = serde_json::from_str(&rendered).unwrap();
        assert_eq!(value, json!({ "t": "a \"b\"\n", "n": ["x"] }));
    }

    #[test]
    fn what_is_not_there_is_an_error_and_so_is_no_end() {
        let errors = |text: &str| match Template::parse(text) {
            Ok(template) => template.render(&json!({ "title": "t" })).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(errors("\n{{ titel }}"), "undefined value in line 2 of the template");
        assert!(errors("{{ title").contains("in line 1 of the template"), "{}", errors("{{ title"));
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(errors(endless).contains("fuel"), "{}", errors(endless));
    }
}
