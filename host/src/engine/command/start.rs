//! What a command is started with: what its settings say.

use serde_json::{Map, Value};
use wasmtime_wasi::{WasiCtxBuilder, p2::pipe::MemoryInputPipe};

use super::captured::Captured;
use crate::engine::bindings::types::SettingProblem;

/// The setting that is a command's arguments.
const ARGUMENTS: &str = "args";
/// The setting that is its environment.
const ENVIRONMENT: &str = "env";

/// The start of a command.
pub(in crate::engine) struct Start {
    /// The first is the program's name, as everywhere.
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// All settings, as JSON.
    input: String,
    output: Option<(Captured, Captured)>,
}

impl Start {
    /// The start of a command that calls itself so, with these settings.
    ///
    /// # Errors
    ///
    /// All that is wrong with those settings that every command has.
    pub(in crate::engine) fn read(name: &str, settings: &str) -> Result<Start, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let settings_read: Map<String, Value> = serde_json::from_str(settings).unwrap_or_default();
        let mut arguments = vec![name.to_owned()];
        arguments.extend(read_arguments(settings_read.get(ARGUMENTS), &mut problems));
        let environment = read_environment(settings_read.get(ENVIRONMENT), &mut problems);
        if problems.is_empty() {
            Ok(Start { arguments, environment, input: settings.to_owned(), output: None })
        } else {
            Err(problems)
        }
    }

    /// Has its standard output and its standard error written there.
    pub(super) fn writing_to(self, output: &Captured, errors: &Captured) -> Start {
        Start { output: Some((output.clone(), errors.clone())), ..self }
    }

    /// Gives it to the program that is about to be made.
    pub(in crate::engine) fn equip(self, wasi: &mut WasiCtxBuilder) {
        wasi.args(&self.arguments).envs(&self.environment).stdin(MemoryInputPipe::new(self.input));
        if let Some((output, errors)) = self.output {
            wasi.stdout(output).stderr(errors);
        }
    }
}

fn read_arguments(written: Option<&Value>, problems: &mut Vec<SettingProblem>) -> Vec<String> {
    let Some(written) = written else { return Vec::new() };
    let Some(values) = written.as_array() else {
        let example = r#"args = ["-H", "db.internal", "-w", 5]"#;
        problems.push(problem(ARGUMENTS, format!("must be a list of texts and numbers, for example {example}")));
        return Vec::new();
    };
    let values = values.iter().enumerate();
    values.filter_map(|(at, value)| word(value, &format!("{ARGUMENTS}/{at}"), problems)).collect()
}

fn read_environment(written: Option<&Value>, problems: &mut Vec<SettingProblem>) -> Vec<(String, String)> {
    let Some(written) = written else { return Vec::new() };
    let Some(values) = written.as_object() else {
        let example = r#"env = { PASSWORD = "${env:DB_PASSWORD}" }"#;
        problems.push(problem(ENVIRONMENT, format!("must be a table of texts and numbers, for example {example}")));
        return Vec::new();
    };
    let mut environment = Vec::new();
    for (name, value) in values {
        let pointer = format!("{ENVIRONMENT}/{}", name.replace('~', "~0").replace('/', "~1"));
        if name.is_empty() || name.contains(['=', '\0']) {
            let message = "no variable can be called so; take a name without `=`, such as PASSWORD".to_owned();
            problems.push(problem(&pointer, message));
        }
        environment.extend(word(value, &pointer, problems).map(|value| (name.clone(), value)));
    }
    environment
}

/// A text, or what is written as one.
fn word(value: &Value, pointer: &str, problems: &mut Vec<SettingProblem>) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            problems.push(problem(pointer, "must be a text or a number".to_owned()));
            return None;
        }
    };
    if text.contains('\0') {
        // Programs in C would take it for the end.
        problems.push(problem(pointer, "must not hold a character with the code 0".to_owned()));
        return None;
    }
    Some(text)
}

fn problem(pointer: &str, message: String) -> SettingProblem {
    SettingProblem { pointer: format!("/{pointer}"), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_and_variables_are_texts_however_they_are_written() {
        let start = Start::read("door", r#"{"args":["-w",5,0.5,true,""],"env":{"A":"b=c","N":1},"x":[{}]}"#);
        let start = start.unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(start.arguments, ["door", "-w", "5", "0.5", "true", ""]);
        assert_eq!(start.environment, [("A".into(), "b=c".into()), ("N".into(), "1".into())]);
        let bare = Start::read("door", "{}").unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!((bare.arguments.len(), bare.environment.len(), bare.input.as_str()), (1, 0, "{}"));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let wrong = r#"{"args":["a",[],null,"a\u0000b"],"env":{"A=B":"c","D":{}, "a/b":[]}}"#;
        let Err(problems) = Start::read("door", wrong) else { panic!("accepted") };
        let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/args/1", "/args/2", "/args/3", "/env/A=B", "/env/D", "/env/a~1b"]);
        let Err(problems) = Start::read("door", r#"{"args":"-H db","env":["A=b"]}"#) else { panic!("accepted") };
        assert!(problems[0].message.starts_with("must be a list of texts and numbers"), "{problems:?}");
        assert!(problems[1].message.starts_with("must be a table of texts and numbers"), "{problems:?}");
    }
}
