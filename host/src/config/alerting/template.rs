//! What a webhook sends, as a template of Jinja: <https://docs.rs/minijinja/latest/minijinja/syntax/>.

use std::{fmt, sync::Arc};

use minijinja::{
    AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value,
    value::{Enumerator, Object},
};
use serde::Serialize;
use thiserror::Error;

/// The one template of each environment.
const BODY: &str = "body";
/// How much a template may do for one message: far more than one that lists the largest summary needs.
const FUEL: u64 = 10_000_000;
/// What of a message is a table of names that the operator chose.
const LABELS: &str = "labels";

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
        // A check need not have the label that a template names, and whoever is to be woken is to be woken all the same.
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_fuel(Some(FUEL));
        environment.add_template_owned(BODY, text.to_owned()).map_err(|error| TemplateError::of(&error))?;
        Ok(Template { text: text.to_owned(), environment: Arc::new(environment) })
    }

    /// Sees whether all that the template names is in a message like this one: a slip of the pen must be seen when it is made, and
    /// not when somebody is to be woken. Any label is taken to be there.
    ///
    /// # Errors
    ///
    /// The template names what there is not, or does too much.
    pub fn try_out(&self, sample: &impl Serialize) -> Result<(), TemplateError> {
        let mut strict = Environment::clone(&self.environment);
        strict.set_undefined_behavior(UndefinedBehavior::Strict);
        let sample = with_any_labels(Value::from_serialize(sample));
        let template = strict.get_template(BODY).map_err(|error| TemplateError::of(&error))?;
        let mut named: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        named.sort();
        let is_known =
            |name: &String| names(&sample).contains(name) || strict.globals().any(|(known, _)| known == name);
        if let Some(unknown) = named.iter().find(|name| !is_known(name)) {
            return Err(TemplateError(format!("there is no `{unknown}`; there is {}", listed(&sample))));
        }
        template.render(&sample).map(drop).map_err(|error| {
            let TemplateError(mut message) = TemplateError::of(&error);
            if error.kind() == ErrorKind::UndefinedError
                && let Ok(item) = sample.get_attr("items").and_then(|items| items.get_item_by_index(0))
            {
                message = format!("{message}; an item has {}", listed(&item));
            }
            TemplateError(message)
        })
    }

    /// What is sent of this. A label that it does not have is `null`.
    ///
    /// # Errors
    ///
    /// The template can't be filled in with this, or does too much.
    pub fn render(&self, of: &impl Serialize) -> Result<String, TemplateError> {
        let template = self.environment.get_template(BODY).map_err(|error| TemplateError::of(&error))?;
        template.render(of).map_err(|error| TemplateError::of(&error))
    }
}

/// A table that has whatever it is asked for.
#[derive(Debug)]
struct Anything;

impl Object for Anything {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from(""))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }
}

/// A message with any label there could be, itself and its items.
fn with_any_labels(message: Value) -> Value {
    let names = names(&message);
    let entries = names.into_iter().map(|name| {
        let value = message.get_attr(&name).unwrap_or_default();
        let value = match (name.as_str(), value.try_iter()) {
            (LABELS, _) => Value::from_object(Anything),
            ("items", Ok(items)) => items.map(with_any_labels).collect(),
            _ => value,
        };
        (name, value)
    });
    entries.collect()
}

/// What a table has.
fn names(table: &Value) -> Vec<String> {
    table.try_iter().into_iter().flatten().map(|name| name.to_string()).collect()
}

fn listed(table: &Value) -> String {
    names(table).iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
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
        let sample = json!({ "title": "t", "items": [{ "check": "x", "labels": {} }], "labels": {} });
        let errors = |text: &str| match Template::parse(text) {
            Ok(template) => template.try_out(&sample).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(errors("\n{{ titel }}"), "there is no `titel`; there is `items`, `labels`, `title`");
        assert_eq!(
            errors("{% for item in items %}\n{{ item.chek }}{% endfor %}"),
            "undefined value in line 2 of the template; an item has `check`, `labels`"
        );
        assert!(errors("{{ title").contains("in line 1 of the template"), "{}", errors("{{ title"));
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(errors(endless).contains("fuel"), "{}", errors(endless));
    }

    #[test]
    fn a_label_need_not_be_there() {
        let text = r#"[{{ labels.team }}, {{ labels.team | default("-") }}, {% if labels.team %}1{% else %}0{% endif %}
                      {%- for item in items %}, {{ item.labels["team"] }}{% endfor %}]"#;
        let template = Template::parse(text).unwrap();
        let message = |labels: serde_json::Value| json!({ "labels": labels, "items": [{ "labels": labels }] });
        template.try_out(&message(json!({}))).unwrap();
        let rendered = |labels| {
            let text = template.render(&message(labels)).unwrap();
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        };
        assert_eq!(rendered(json!({ "team": "shop" })), json!(["shop", "shop", 1, "shop"]));
        assert_eq!(rendered(json!({})), json!([null, "-", 0, null]));
    }
}
