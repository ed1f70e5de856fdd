//! Checks of the vendor's templates of letters. Every mistake is reported at once, with the name that a letter does not have.

use domain::policy::Mistake;
use minijinja::{Environment, Error, ErrorKind, Value, value::ValueKind};

/// Adds a template, and returns its mistakes. `sample` is a letter with a value in every field.
pub(crate) fn add(environment: &mut Environment<'static>, file: &'static str, text: &str, sample: &Value) -> Vec<Mistake> {
    if let Err(error) = environment.add_template_owned(file, text.to_owned()) {
        return vec![mistake(file, text, sample, &error)];
    }
    let unknown = unknown(environment, file, sample);
    let lacks = |name: &String| {
        let line = text.lines().position(|line| line.contains(name.as_str())).map(|before| before + 1);
        Mistake { file: file.to_owned(), line, what: format!("a letter has no `{name}`: {}", names(sample)) }
    };
    let mut mistakes: Vec<_> = unknown.iter().map(lacks).collect();
    // A name that is known to be missing has a value now, so that the others are found: those of an entry in a loop. Rendering
    // stops at the first one, so the expressions of its line are removed, and the rest is rendered again.
    let (sample_with, mut scratch, mut rest) = (with(sample, &unknown), environment.clone(), text.to_owned());
    while let Err(error) = scratch.get_template(file).and_then(|template| template.render(&sample_with)) {
        mistakes.push(mistake(file, &rest, sample, &error));
        let Some(shorter) = error.line().and_then(|line| without_values(&rest, line)) else { break };
        rest = shorter;
        if scratch.add_template_owned(file, rest.clone()).is_err() {
            break;
        }
    }
    mistakes
}

/// The names that the template uses and a letter does not have, as `action.url`.
fn unknown(environment: &Environment<'_>, file: &str, sample: &Value) -> Vec<String> {
    let used = environment.get_template(file).map(|template| template.undeclared_variables(true)).unwrap_or_default();
    let is_global = |name: &String| environment.globals().any(|(global, _)| global == name);
    let mut unknown: Vec<_> = used.into_iter().filter(|name| !is_global(name) && !is_known(sample, name)).collect();
    unknown.sort();
    unknown
}

fn is_known(sample: &Value, name: &str) -> bool {
    let mut value = sample.clone();
    name.split('.').all(|part| {
        value = value.get_attr(part).unwrap_or_default();
        !value.is_undefined()
    })
}

/// The sample with an empty text for each of these names.
fn with(sample: &Value, names: &[String]) -> Value {
    let mut fields: Vec<(String, Value)> = members(sample);
    for name in names {
        let (first, rest) = name.split_once('.').map_or((name.as_str(), None), |(first, rest)| (first, Some(rest.to_owned())));
        let value = sample.get_attr(first).ok().filter(|value| value.kind() == ValueKind::Map);
        let value = match (value, rest) {
            (Some(object), Some(rest)) => with(&object, &[rest]),
            (None, Some(rest)) => with(&Value::from_pairs([("", "")]), &[rest]),
            (_, None) => Value::from(""),
        };
        fields.push((first.to_owned(), value));
    }
    Value::from_pairs(fields)
}

/// The members of an object; none of every other value.
fn members(value: &Value) -> Vec<(String, Value)> {
    let names = value.try_iter().into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned()));
    let objects = names.filter(|_| value.kind() == ValueKind::Map);
    objects.map(|name| (name.clone(), value.get_attr(&name).unwrap_or_default())).collect()
}

/// The text without the expressions `{{ … }}` of a line; `None` if the line has none.
fn without_values(text: &str, line: usize) -> Option<String> {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let shortened = lines.get_mut(line.checked_sub(1)?)?;
    let (start, end) = (shortened.find("{{")?, shortened.rfind("}}")? + 2);
    shortened.replace_range(start..end.max(start), "");
    Some(lines.join("\n"))
}

/// A mistake in the words of the template engine, which does not say which name is undefined.
fn mistake(file: &str, text: &str, sample: &Value, error: &Error) -> Mistake {
    let line = error.line().filter(|line| *line > 0);
    let what = match error.kind() {
        ErrorKind::UndefinedError => {
            let code = line.and_then(|line| text.lines().nth(line - 1)).map_or("the template", str::trim);
            format!("a name in `{code}` does not exist: {}", names(sample))
        }
        _ => format!("{}: correct the template", error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)),
    };
    Mistake { file: file.to_owned(), line, what }
}

/// The names that a template can use.
fn names(sample: &Value) -> String {
    let one = |(name, value): (String, Value)| {
        let entry = value.try_iter().ok().and_then(|mut entries| entries.next()).filter(|_| value.kind() == ValueKind::Seq);
        let within = |value: &Value| members(value).into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
        match (within(&value), entry.map(|entry| within(&entry)).unwrap_or_default()) {
            (parts, _) if !parts.is_empty() => format!("{name} (with {parts})"),
            (_, parts) if !parts.is_empty() => format!("{name} (each with {parts})"),
            _ => name,
        }
    };
    format!("use one of {}", members(sample).into_iter().map(one).collect::<Vec<_>>().join(", "))
}
