//! Log lines that raise an alarm: the template counts such lines by one of their fields, and an alarm watches the count. A
//! misspelt field would raise no alarm.

use super::sources::{code, members, read, root, rust};

/// A filter of the template: of which function's log, by which field with which value (`*` is any), into which metric.
#[derive(Debug, PartialEq)]
struct Filter {
    function: String,
    field: String,
    value: String,
    metric: String,
}

/// The resources of the template of one type, each by its lines.
fn resources(kind: &str) -> Vec<Vec<String>> {
    let template = read(&root().join("infra/aws/template.yaml"));
    let mut resources: Vec<Vec<String>> = Vec::new();
    for line in template.lines().skip_while(|line| *line != "Resources:") {
        if line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':') {
            resources.push(Vec::new());
        }
        resources.last_mut().into_iter().for_each(|lines| lines.push(line.trim().to_owned()));
    }
    resources.into_iter().filter(|lines| lines.contains(&format!("Type: {kind}"))).collect()
}

/// What stands behind the first of these words in a resource's lines.
fn behind<'a>(lines: &'a [String], word: &str) -> &'a str {
    let found = lines.iter().find_map(|line| line.split_once(word));
    found.unwrap_or_else(|| panic!("{word} in {lines:#?}")).1.split([',', ' ']).next().unwrap()
}

fn filters() -> Vec<Filter> {
    let one = |lines: Vec<String>| {
        let pattern = lines.iter().find_map(|line| line.strip_prefix("FilterPattern: '{ $.")?.strip_suffix(" }'"));
        let (field, value) = pattern.and_then(|pattern| pattern.split_once(" = ")).unwrap_or_else(|| panic!("{lines:#?}"));
        Filter {
            function: behind(&lines, "LogGroupName: !Ref ").trim_end_matches("Log").to_lowercase(),
            field: field.to_owned(),
            value: value.to_owned(),
            metric: behind(&lines, "MetricName: ").to_owned(),
        }
    };
    resources("AWS::Logs::MetricFilter").into_iter().map(one).collect()
}

/// A function's code, without what is between words.
fn said_by(function: &str) -> String {
    let files = rust(&root().join("functions").join(function).join("src"));
    files.iter().map(|file| code(file)).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_counted_in_a_log_is_said_by_its_function() {
    let filters = filters();
    assert!(filters.len() > 1, "{filters:?}");
    for Filter { function, field, value, .. } in filters {
        let said = match &*value {
            "*" => format!("{field} = "),
            value => format!("{field} = {value},"),
        };
        assert!(said_by(&function).contains(&said), "functions/{function} never says `{said}`");
    }
}

#[test]
fn whatever_a_person_must_decide_raises_an_alarm() {
    let filters = filters();
    let alarms = resources("AWS::CloudWatch::Alarm");
    let mut said = 0;
    for member in members().iter().filter(|member| member.path.starts_with("functions/")) {
        let function = member.folder();
        for value in said_by(function).split("must_decide = ").skip(1).filter_map(|rest| rest.split(',').next()) {
            said += 1;
            let counted = filters.iter().find(|filter| filter.function == function && filter.value == value);
            let Some(Filter { metric, .. }) = counted else { panic!("no metric counts {value} in the log of {function}") };
            let watched = |lines: &&Vec<String>| lines.contains(&format!("MetricName: {metric}"));
            let alarm = alarms.iter().find(watched).unwrap_or_else(|| panic!("no alarm is made of {metric}"));
            assert!(
                alarm.iter().any(|line| line.starts_with("AlarmActions: [!Ref Alarms]")),
                "the alarm of {metric} notifies no operator"
            );
        }
    }
    assert!(said >= 4, "a quote is withheld, money pays nothing or is back, a letter is set aside: {said}");
}

/// An alarm's description names the place in the README that says what to do.
#[test]
fn the_readme_says_what_to_do_about_each() {
    let readme = read(&root().join("infra/aws/README.md"));
    let (_, chapter) = readme.split_once("## What a person must decide").expect("a chapter");
    let chapter = chapter.split("\n## ").next().unwrap();
    for filter in filters().iter().filter(|filter| filter.field == "must_decide") {
        assert!(chapter.contains(filter.value.trim_matches('"')), "infra/aws/README.md says nothing about {}", filter.value);
    }
}
