//! The shape of the code: no cycle of files, layers inside `domain`, and files and functions that fit on a few screens.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use syn::{
    Block, Item, Signature,
    visit::{self, Visit},
};

use super::{
    graph::{self, Graph, attributes, only_tests},
    sources::{Member, entries, members, read, root, rust},
};

/// Lines of a file, without its tests.
const LONGEST_FILE: usize = 500;
/// Lines of a function, from `fn` to the closing brace.
const LONGEST_FUNCTION: usize = 80;

/// The modules of `domain` from the lowest layer to the highest: a module uses only what stands before it.
const LAYERS: &[&str] = &[
    "calendar",
    "fault",
    "host",
    "money",
    "name",
    "number",
    "party",
    "pending",
    "place",
    "printing",
    "redirection",
    "suppression",
    "wording",
    "evidence",
    "form",
    "payment",
    "policy",
    "channel",
    "license",
    "tax",
    "price",
    "records",
    "government",
    "method",
    "order",
    "request",
    "targets",
    "quote",
    "fulfilment",
    "link",
    "settlement",
];

/// Fails with every violation.
#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n  {}", violations.join("\n  "));
}

/// The root files of a member's targets, from the repository's root.
fn targets(member: &Member) -> BTreeSet<String> {
    let folder = root().join(&member.path);
    let mut targets: BTreeSet<String> = ["src/lib.rs", "src/main.rs"].into_iter().map(str::to_owned).collect();
    let tables = ["bin", "test", "bench", "example"].into_iter().filter_map(|kind| member.manifest.get(kind)?.as_array());
    let tables = tables.flatten().chain(member.manifest.get("lib"));
    targets.extend(tables.filter_map(|target| Some(target.get("path")?.as_str()?.to_owned())));
    for kind in ["src/bin", "tests", "benches", "examples"] {
        let found = folder.join(kind);
        let found = if found.is_dir() { entries(&found) } else { Vec::new() };
        let file = |path: &Path| path.extension().is_some_and(|kind| kind == "rs").then(|| path.to_owned());
        let found = found.iter().filter_map(|path| file(path).or_else(|| file(&path.join("main.rs"))));
        targets.extend(found.map(|path| path.strip_prefix(&folder).expect("below").to_str().expect("UTF-8").to_owned()));
    }
    let targets = targets.into_iter().filter(|path| folder.join(path).is_file());
    targets.map(|path| format!("{}/{path}", member.path)).collect()
}

/// The graph of a target, by its root file.
fn graph_of(target: &str) -> Graph {
    let root = root();
    graph::graph(target, &|path| std::fs::read_to_string(root.join(path)).ok())
}

/// Every edge of every cycle.
fn cyclic(graph: &Graph) -> Vec<String> {
    let mut violations = Vec::new();
    for cycle in graph.cycles() {
        violations.push(format!("{} files use one another:", cycle.len()));
        let within = graph.edges.iter().filter(|edge| cycle.contains(&*edge.from) && cycle.contains(&*edge.to));
        violations.extend(within.map(|edge| format!("  {}:{} uses {} ({})", edge.from, edge.line, edge.to, edge.path)));
    }
    violations
}

/// The module of the crate in which a file is: `quote` for `src/quote/offer.rs`. The root is no module.
fn module<'f>(folder: &str, file: &'f str) -> Option<&'f str> {
    let file = file.strip_prefix(folder)?.strip_suffix(".rs")?;
    let module = file.split('/').next()?;
    (module != "lib").then_some(module)
}

/// The edges between modules against the order of the layers, one for each pair of modules, and the modules without a layer.
fn upward(graph: &Graph, folder: &str, layers: &[&str]) -> (Vec<String>, Vec<String>) {
    let height = |module: &str| layers.iter().position(|layer| *layer == module);
    let (mut arrows, mut unknown) = (BTreeMap::new(), BTreeSet::new());
    unknown.extend(graph.files.iter().filter_map(|file| module(folder, file)).filter(|module| height(module).is_none()));
    for edge in &graph.edges {
        let (Some(from), Some(to)) = (module(folder, &edge.from), module(folder, &edge.to)) else { continue };
        if height(from) < height(to) {
            let arrow = format!("{from} → {to}: {}:{} ({})", edge.from, edge.line, edge.path);
            arrows.entry((from, to)).or_insert(arrow);
        }
    }
    let unknown = unknown.into_iter().map(|module| format!("{folder}{module} has no layer: add the module to LAYERS"));
    (arrows.into_values().collect(), unknown.collect())
}

/// What a file of production code is long: its lines without tests, and its functions.
#[derive(Default)]
struct Lengths {
    tests: usize,
    functions: Vec<(String, usize, usize)>,
}

impl Lengths {
    fn function(&mut self, signature: &Signature, block: &Block) {
        let first = signature.fn_token.span.start().line;
        let last = block.brace_token.span.close().end().line;
        self.functions.push((signature.ident.to_string(), first, last + 1 - first));
    }
}

impl<'ast> Visit<'ast> for Lengths {
    fn visit_item(&mut self, item: &'ast Item) {
        if !only_tests(attributes(item)) {
            return visit::visit_item(self, item);
        }
        let end = match item {
            Item::Mod(item) => item.content.as_ref().map(|(brace, _)| brace.span.close()),
            Item::Fn(item) => Some(item.block.brace_token.span.close()),
            _ => None,
        };
        if let (Some(end), Some(attribute)) = (end, attributes(item).first()) {
            self.tests += end.end().line + 1 - attribute.pound_token.spans[0].start().line;
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, method: &'ast syn::ImplItemFn) {
        if !only_tests(&method.attrs) {
            self.function(&method.sig, &method.block);
            visit::visit_impl_item_fn(self, method);
        }
    }

    fn visit_trait_item_fn(&mut self, method: &'ast syn::TraitItemFn) {
        if let Some(block) = &method.default {
            self.function(&method.sig, block);
        }
        visit::visit_trait_item_fn(self, method);
    }
}

/// What is too long in a file.
fn too_long(file: &str, text: &str) -> Vec<String> {
    let mut lengths = Lengths::default();
    lengths.visit_file(&syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}")));
    let lines = text.lines().count() - lengths.tests;
    let mut violations = Vec::new();
    if lines > LONGEST_FILE {
        violations.push(format!("{file}: {lines} lines without tests; split it (at most {LONGEST_FILE})"));
    }
    for (name, line, lines) in lengths.functions.iter().filter(|(_, _, lines)| *lines > LONGEST_FUNCTION) {
        violations.push(format!("{file}:{line}: `{name}` has {lines} lines; split it (at most {LONGEST_FUNCTION})"));
    }
    violations
}

#[test]
fn no_crate_has_a_cycle_of_files() {
    let graphs: Vec<_> = members().iter().flat_map(targets).map(|target| graph_of(&target)).collect();
    let edges: usize = graphs.iter().map(|graph| graph.edges.len()).sum();
    assert!(graphs.len() > 30 && edges > 300, "only {} targets with {edges} edges were found", graphs.len());
    assert_none(&graphs.iter().flat_map(cyclic).collect::<Vec<_>>());
}

#[test]
fn a_module_of_the_domain_uses_only_lower_layers() {
    let (arrows, unknown) = upward(&graph_of("shared/domain/src/lib.rs"), "shared/domain/src/", LAYERS);
    assert_none(&unknown);
    assert_none(&arrows);
}

#[test]
fn files_and_functions_are_short() {
    let root = root();
    let production = |member: &&Member| ["shared/", "functions/", "infra/"].iter().any(|folder| member.path.starts_with(folder));
    let files: Vec<_> =
        members().iter().filter(production).flat_map(|member| rust(&root.join(&member.path).join("src"))).collect();
    assert!(files.len() > 100, "only {} files were found", files.len());
    let named = files.iter().map(|path| (path.strip_prefix(&root).expect("below").to_str().expect("UTF-8"), read(path)));
    assert_none(&named.flat_map(|(file, text)| too_long(file, &text)).collect::<Vec<_>>());
}

/// The graph of a made-up crate.
fn made_up(files: &[(&str, &str)]) -> Graph {
    let read = |path: &str| files.iter().find(|(file, _)| *file == path).map(|(_, text)| (*text).to_owned());
    graph::graph("src/lib.rs", &read)
}

fn edges(graph: &Graph) -> Vec<String> {
    graph.edges.iter().map(|edge| format!("{}:{} → {}", edge.from, edge.line, edge.to)).collect()
}

#[test]
fn a_cycle_is_found_through_re_exports_macros_and_attributes() {
    let lib = ("src/lib.rs", "mod a;\nmod b;\npub use b::B;\npub struct Root;");
    let a = ("src/a.rs", "use crate::B;\npub struct A(B);");
    for (uses, line) in [
        ("use super::a::A;\npub struct B(Box<A>);", 1),
        ("pub struct B;\nfn new() -> B { crate::a::A::new() }", 2),
        ("use crate::a;\npub struct B;\nfn new() -> a::A { todo!() }", 3),
        ("pub struct B;\nfn new() { println!(\"{}\", crate::a::A) }", 2),
        ("pub struct B {\n#[serde(with = \"crate::a::text\")]\nb: u8 }", 2),
        ("use crate::a::*;\npub struct B;", 1),
    ] {
        let graph = made_up(&[lib, a, ("src/b.rs", uses)]);
        assert_eq!(edges(&graph), ["src/a.rs:1 → src/b.rs".to_owned(), format!("src/b.rs:{line} → src/a.rs")], "{uses}");
        let violations = cyclic(&graph);
        assert_eq!(violations.len(), 3, "{violations:#?}");
        assert!(violations[0].contains("2 files use one another"), "{violations:#?}");
    }
}

#[test]
fn a_child_and_its_parent_may_be_a_cycle() {
    let parent = "mod child;\npub struct Order;\npub fn check() { child::check() }";
    let graph = made_up(&[
        ("src/lib.rs", "pub mod order;"),
        ("src/order/mod.rs", parent),
        ("src/order/child.rs", "pub fn check() { let _ = super::Order; }"),
    ]);
    assert_eq!(graph.cycles().len(), 1, "{:#?}", graph.edges);
}

#[test]
fn what_is_no_use_is_no_edge() {
    let graph = made_up(&[
        ("src/lib.rs", "mod a;\nmod b;\npub use a::A;\npub use crate::b::*;\npub struct Root;"),
        ("src/a.rs", "use crate::Root;\npub struct A;\n#[cfg(test)]\nmod tests { use super::*; use crate::b::B; }"),
        ("src/b.rs", "use std::fmt;\npub struct B;\nfn f(a: u8) -> u8 { a.b; fmt::a() }\n#[test]\nfn t() { crate::a::A; }"),
    ]);
    assert_eq!(edges(&graph), ["src/a.rs:1 → src/lib.rs"]);
    assert_eq!(cyclic(&graph), [""; 0]);
}

#[test]
fn an_upward_arrow_is_found() {
    let graph = made_up(&[
        ("src/lib.rs", "mod low;\nmod high;\nmod stray;"),
        ("src/low.rs", "use crate::high::High;\npub struct Low(High);"),
        ("src/high/mod.rs", "mod inner;\npub use inner::High;\nuse crate::low::Low;"),
        ("src/high/inner.rs", "pub struct High;"),
        ("src/stray.rs", ""),
    ]);
    let (arrows, unknown) = upward(&graph, "src/", &["low", "high"]);
    assert_eq!(arrows, ["low → high: src/low.rs:1 (crate::high::High)"]);
    assert_eq!(unknown, ["src/stray has no layer: add the module to LAYERS"]);
    assert_eq!(upward(&graph, "src/", &["high", "low", "stray"]).0.len(), 1);
}

#[test]
fn what_is_too_long_is_found() {
    let body = |lines: usize| "    work();\n".repeat(lines);
    assert_eq!(too_long("a.rs", &format!("fn fits() {{\n{}}}\n", body(78))), [""; 0]);
    assert_eq!(
        too_long("a.rs", &format!("struct A;\nimpl A {{\n/// Docs.\nfn over() {{\n{}}}\n}}\n", body(79))),
        ["a.rs:4: `over` has 81 lines; split it (at most 80)"]
    );
    let tests = format!("#[cfg(test)]\nmod tests {{\nfn long() {{\n{}}}\n}}\n", body(100));
    assert_eq!(too_long("a.rs", &format!("{}{tests}", "const A: u8 = 1;\n".repeat(500))), [""; 0]);
    assert_eq!(
        too_long("a.rs", &format!("{}{tests}", "const A: u8 = 1;\n".repeat(501))),
        ["a.rs: 501 lines without tests; split it (at most 500)"]
    );
}
