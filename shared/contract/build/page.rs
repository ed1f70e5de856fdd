//! The page: contents, operations by their tags, schemas.

use crate::node::Node;

const STYLE: &str = include_str!("page.css");
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// The page of a document.
pub(crate) fn of(document: &Node) -> String {
    let info = document.get("info");
    let title = escaped(info.get("title").text());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\">\n<title>{title}: API</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    page += &contents(document);
    page += &format!("<main>\n<h1>{title}: API</h1>\n<p>{}</p>\n", inline(info.get("summary").text()));
    page += "<p>For programs: <a href=\"/openapi.yaml\">openapi.yaml</a> (OpenAPI 3.1).</p>\n";
    page += &paragraphs(info.get("description").text());
    for tag in document.get("tags").entries() {
        let name = tag.get("name").text();
        page += &format!("<h2 id=\"{}\">{}</h2>\n{}", anchor("tag", name), escaped(name), described(tag));
        for (path, method, operation, item) in operations(document).filter(|(.., operation, _)| has_tag(operation, name)) {
            page += &section(document, (path, method), operation, item);
        }
    }
    page += "<h2 id=\"schemas\">Schemas</h2>\n";
    for (name, schema) in document.get("components").get("schemas").members() {
        page += &format!("<section class=\"schema\">\n<h3 id=\"{}\">{}</h3>\n", anchor("schema", name), escaped(name));
        page += &body_of(schema);
        page += "</section>\n";
    }
    page += "</main>\n</body>\n</html>\n";
    page
}

/// Every operation: path, method, the operation, and the item of its path.
fn operations(document: &Node) -> impl Iterator<Item = (&str, &str, &Node, &Node)> {
    document.get("paths").members().iter().flat_map(|(path, item)| {
        let operations = item.members().iter().filter(|(method, _)| METHODS.contains(&method.as_str()));
        operations.map(move |(method, operation)| (path.as_str(), method.as_str(), operation, item))
    })
}

fn has_tag(operation: &Node, name: &str) -> bool {
    operation.get("tags").entries().iter().any(|tag| tag.text() == name)
}

fn contents(document: &Node) -> String {
    let mut list = "<nav aria-label=\"Contents\">\n<ul>\n".to_owned();
    for tag in document.get("tags").entries() {
        let name = tag.get("name").text();
        list += &format!("<li><a href=\"#{}\">{}</a>\n<ul>\n", anchor("tag", name), escaped(name));
        for (.., operation, _) in operations(document).filter(|(.., operation, _)| has_tag(operation, name)) {
            let (id, summary) = (operation.get("operationId").text(), operation.get("summary").text());
            list += &format!("<li><a href=\"#{id}\">{}</a></li>\n", escaped(summary));
        }
        list += "</ul>\n</li>\n";
    }
    list + "<li><a href=\"#schemas\">Schemas</a></li>\n</ul>\n</nav>\n"
}

fn section(document: &Node, (path, method): (&str, &str), operation: &Node, item: &Node) -> String {
    let (id, summary) = (operation.get("operationId").text(), operation.get("summary").text());
    let mut section = format!(
        "<section class=\"operation\">\n<h3 id=\"{id}\">{}</h3>\n<p class=\"route\"><code>{} {}</code></p>\n",
        escaped(summary),
        method.to_uppercase(),
        escaped(path)
    );
    section += &described(operation);
    let schemes = operation.get("security").entries().iter().flat_map(Node::members).map(|(scheme, _)| escaped(scheme));
    let schemes = schemes.collect::<Vec<_>>().join(", ");
    let optional = operation.get("security").entries().iter().any(|scheme| scheme.members().is_empty());
    section += &match (schemes.is_empty(), optional) {
        (true, _) => "<p>No sign-in.</p>\n".to_owned(),
        (false, true) => format!("<p>Sign-in, optional: {schemes}.</p>\n"),
        (false, false) => format!("<p>Sign-in: {schemes}.</p>\n"),
    };
    let parameters = [item, operation].into_iter().flat_map(|part| part.get("parameters").entries());
    let rows: String = parameters.map(|parameter| row_of_parameter(parameter.resolved(document))).collect();
    if !rows.is_empty() {
        section += &table("Parameters", ["Name", "Type", "Meaning"], &rows);
    }
    let body = operation.get("requestBody").resolved(document);
    for (media_type, content) in body.get("content").members() {
        section += &format!("<p>Body (<code>{}</code>): {}</p>\n", escaped(media_type), type_of(content.get("schema")));
    }
    let rows = operation
        .get("responses")
        .members()
        .iter()
        .map(|(status, response)| row_of_response(status, response.resolved(document)));
    section += &table("Responses", ["Status", "Body", "Meaning"], &rows.collect::<String>());
    section + "</section>\n"
}

fn row_of_parameter(parameter: &Node) -> String {
    let need = if parameter.get("required").text() == "true" { ", required" } else { "" };
    let place = parameter.get("in").text();
    format!(
        "<tr><td><code>{}</code></td><td>{}<br>{place}{need}</td><td>{}</td></tr>\n",
        escaped(parameter.get("name").text()),
        type_of(parameter.get("schema")),
        inline(parameter.get("description").text())
    )
}

fn row_of_response(status: &str, response: &Node) -> String {
    let bodies = response.get("content").members().iter().map(|(media_type, content)| {
        let schema = content.get("schema");
        if schema.members().is_empty() || schema.get("type").text() == "string" {
            format!("<code>{}</code>", escaped(media_type))
        } else {
            type_of(schema)
        }
    });
    let bodies = bodies.collect::<Vec<_>>().join("<br>");
    let codes = response.get("x-codes").entries().iter().map(|code| format!("<code>{}</code>", escaped(code.text())));
    let codes = codes.collect::<Vec<_>>().join(", ");
    let codes = if codes.is_empty() { codes } else { format!(" Codes: {codes}.") };
    let meaning = inline(response.get("description").text());
    format!("<tr><td>{status}</td><td>{bodies}</td><td>{meaning}{codes}</td></tr>\n")
}

/// What a schema of `components` consists of.
fn body_of(schema: &Node) -> String {
    let mut body = described(schema);
    let parts = schema.get("allOf").entries();
    for base in parts.iter().filter(|part| part.find("$ref").is_some()) {
        body += &format!("<p>With the members of {}.</p>\n", type_of(base));
    }
    for one in schema.get("oneOf").entries() {
        body += &format!("<p>One of: {}</p>\n", type_of(one));
    }
    let parts = || parts.iter().chain([schema]);
    let required: Vec<_> = parts().flat_map(|part| part.get("required").entries()).map(Node::text).collect();
    let rows = parts().flat_map(|part| part.get("properties").members()).map(|(name, property)| {
        let need = if required.contains(&name.as_str()) { "<br>required" } else { "" };
        let meaning = inline(property.get("description").text());
        format!("<tr><td><code>{}</code></td><td>{}{need}</td><td>{meaning}</td></tr>\n", escaped(name), type_of(property))
    });
    let rows = rows.collect::<String>();
    if !rows.is_empty() {
        body += &table("Members", ["Name", "Type", "Meaning"], &rows);
    } else if schema.get("enum").entries().is_empty() && schema.get("oneOf").entries().is_empty() {
        body += &format!("<p>{}</p>\n", type_of(schema));
    }
    let meaning = |value: &Node| inline(schema.get("x-enumDescriptions").get(value.text()).text());
    let values = schema.get("enum").entries().iter();
    let values =
        values.map(|value| format!("<tr><td><code>{}</code></td><td>{}</td></tr>\n", escaped(value.text()), meaning(value)));
    let values = values.collect::<String>();
    if !values.is_empty() {
        body += &table("Values", ["Value", "Meaning"], &values);
    }
    body
}

/// The type of a schema in a few words, with a link to its name.
fn type_of(schema: &Node) -> String {
    if let Some(name) = schema.get("$ref").text().strip_prefix("#/components/schemas/") {
        return format!("<a href=\"#{}\">{}</a>", anchor("schema", name), escaped(name));
    }
    if let Some(value) = schema.find("const") {
        return format!("<code>{}</code>", escaped(value.text()));
    }
    let choices = schema.get("oneOf").entries();
    if !choices.is_empty() {
        return choices.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    let kinds = match schema.get("type") {
        Node::List(kinds) => kinds.iter().map(Node::text).collect::<Vec<_>>(),
        kind => vec![kind.text()],
    };
    let kind = |kind: &&str| match *kind {
        "array" => format!("list of {}", type_of(schema.get("items"))),
        "" => "any".to_owned(),
        kind => escaped(kind),
    };
    let kinds = kinds.iter().map(kind).collect::<Vec<_>>().join(" or ");
    let limits = ["format", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "default"];
    let limits = limits.into_iter().filter_map(|limit| Some((limit, schema.find(limit)?)));
    let limits: String = limits.map(|(limit, value)| format!("<br><small>{limit} {}</small>", escaped(value.text()))).collect();
    kinds + &limits
}

fn table<const N: usize>(caption: &str, heads: [&str; N], rows: &str) -> String {
    let heads: String = heads.map(|head| format!("<th scope=\"col\">{head}</th>")).concat();
    format!(
        "<div class=\"table\"><table>\n<caption>{caption}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

fn described(node: &Node) -> String {
    paragraphs(node.get("description").text())
}

/// Text in paragraphs.
fn paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    paragraphs.map(|paragraph| format!("<p>{}</p>\n", inline(paragraph))).collect()
}

/// Text with `code` and **bold** words.
fn inline(text: &str) -> String {
    let between = |text: &str, mark: &str, tag: &str| {
        let parts = text.split(mark).enumerate();
        parts.map(|(i, part)| if i % 2 == 1 { format!("<{tag}>{part}</{tag}>") } else { part.to_owned() }).collect::<String>()
    };
    between(&between(&escaped(text), "`", "code"), "**", "strong")
}

fn anchor(kind: &str, name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{kind}-{name}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
