//! Which file of a crate uses which: from `use`, and from paths in code, in macros and in attributes.
//!
//! A name counts for the file that defines the name: `use crate::Foo` is an edge to the file of `Foo`, and not to the file that
//! re-exports `Foo`. A `mod child;` is no edge, and neither is a re-export that the file itself does not use. Code that only
//! tests compile does not count. Calls of methods are not seen.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::{
    Attribute, Item, Meta, UseTree, Visibility,
    visit::{self, Visit},
};

/// One file uses another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) line: usize,
    /// The path that names what is used, as written.
    pub(crate) path: String,
}

/// The files of one target and the edges between them, one for each pair of files.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) files: Vec<String>,
    pub(crate) edges: Vec<Edge>,
}

/// A path as segments, and its line.
struct Mention {
    path: Vec<String>,
    line: usize,
}

/// What a `use` brings into a module: the name (none for `*`), and where the name is from.
struct Import {
    name: Option<String>,
    from: Mention,
    exported: bool,
}

/// A module: a file, or an inline module of a file.
#[derive(Default)]
struct Module {
    file: usize,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// What the module defines, with the file.
    items: BTreeMap<String, usize>,
    imports: Vec<Import>,
    mentions: Vec<Mention>,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Item(usize),
    Module(usize),
    Nothing,
}

#[derive(Default)]
struct Modules {
    files: Vec<String>,
    modules: Vec<Module>,
}

/// Reads a target from its root file. `read` returns the text of a file by its path, or nothing if there is no such file.
pub(crate) fn graph(root: &str, read: &dyn Fn(&str) -> Option<String>) -> Graph {
    let mut modules = Modules::default();
    modules.add_file(root, folder_of(root), None, read);
    let mut edges = BTreeMap::new();
    for (id, module) in modules.modules.iter().enumerate() {
        let imports = module.imports.iter().filter(|import| !import.exported);
        let imported = imports.map(|import| (&import.from, import.name.is_none()));
        for (mention, glob) in imported.chain(module.mentions.iter().map(|mention| (mention, false))) {
            let to = match modules.resolve(id, &mention.path, &mut BTreeSet::new()) {
                Found::Item(file) => file,
                Found::Module(other) if glob => modules.modules[other].file,
                Found::Module(_) | Found::Nothing => continue,
            };
            if to != module.file {
                let edge = edges.entry((module.file, to)).or_insert((mention.line, &mention.path));
                *edge = (*edge).min((mention.line, &mention.path));
            }
        }
    }
    let name = |file: usize| modules.files[file].clone();
    let edges =
        edges.into_iter().map(|((from, to), (line, path))| Edge { from: name(from), to: name(to), line, path: path.join("::") });
    Graph { edges: edges.collect(), files: modules.files.clone() }
}

impl Graph {
    /// The cycles: each a set of files that reach one another.
    pub(crate) fn cycles(&self) -> Vec<BTreeSet<&str>> {
        let reached: BTreeMap<&str, BTreeSet<&str>> = self.files.iter().map(|file| (&**file, self.reached(file))).collect();
        let mut cycles: Vec<BTreeSet<&str>> = Vec::new();
        for (file, others) in &reached {
            let cycle: BTreeSet<_> = others.iter().copied().filter(|other| reached[other].contains(file)).collect();
            if !cycle.is_empty() && !cycles.contains(&cycle) {
                cycles.push(cycle);
            }
        }
        cycles
    }

    /// Every file that a file uses, at any depth.
    fn reached<'g>(&'g self, file: &'g str) -> BTreeSet<&'g str> {
        let (mut reached, mut waiting) = (BTreeSet::new(), vec![file]);
        while let Some(file) = waiting.pop() {
            let used = self.edges.iter().filter(|edge| edge.from == file).map(|edge| &*edge.to);
            waiting.extend(used.filter(|file| reached.insert(*file)));
        }
        reached
    }
}

impl Modules {
    /// Adds the module of a file whose children are in `folder`.
    fn add_file(
        &mut self,
        path: &str,
        folder: &str,
        parent: Option<usize>,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Option<usize> {
        let text = read(path)?;
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        self.files.push(path.to_owned());
        let file = self.files.len() - 1;
        Some(self.add_module(&syntax.items, file, folder, parent, read))
    }

    fn add_module(
        &mut self,
        items: &[Item],
        file: usize,
        folder: &str,
        parent: Option<usize>,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> usize {
        let id = self.modules.len();
        self.modules.push(Module { file, parent, ..Module::default() });
        let mut reader = Reader { module: Module { file, parent, ..Module::default() } };
        let mut children = BTreeMap::new();
        for item in items.iter().filter(|item| !only_tests(attributes(item))) {
            let Item::Mod(module) = item else {
                reader.module.items.extend(defined(item).into_iter().map(|name| (name, file)));
                reader.visit_item(item);
                continue;
            };
            let name = module.ident.to_string();
            let below = join(folder, &name);
            let child = match &module.content {
                Some((_, items)) => Some(self.add_module(items, file, &below, Some(id), read)),
                None => {
                    let given = path_attribute(&module.attrs).map(|path| join(folder_of(&self.files[file]), &path));
                    let given = given.map(|path| (folder_of(&path).to_owned(), path));
                    let usual = [format!("{below}.rs"), format!("{below}/mod.rs")].map(|path| (below.clone(), path));
                    let mut places = given.into_iter().chain(usual);
                    places.find_map(|(folder, path)| self.add_file(&path, &folder, Some(id), read))
                }
            };
            let missing = || panic!("{}: the file of `mod {name}` is missing", self.files[file]);
            children.insert(name.clone(), child.unwrap_or_else(missing));
        }
        self.modules[id] = Module { children, ..reader.module };
        id
    }

    /// What a path means in a module. The first segment of a path without `crate`, `self` or `super` may be a local variable
    /// or another crate: then the path leads to nothing.
    fn resolve<'m>(&'m self, module: usize, path: &'m [String], seen: &mut BTreeSet<(usize, &'m str)>) -> Found {
        let (mut at, mut path, mut within) = (module, path, false);
        while let Some(first) = path.first() {
            at = match &**first {
                "crate" => 0,
                "self" => at,
                "super" => match self.modules[at].parent {
                    Some(parent) => parent,
                    None => return Found::Nothing,
                },
                _ => break,
            };
            (path, within) = (&path[1..], true);
        }
        self.find(at, path, within, seen)
    }

    /// What a path means below a module. A name that is not found is made by a macro: it counts for the file of the module, if
    /// the path leads `within` this module for sure.
    fn find<'m>(&'m self, at: usize, path: &'m [String], within: bool, seen: &mut BTreeSet<(usize, &'m str)>) -> Found {
        let Some((name, rest)) = path.split_first() else { return Found::Module(at) };
        let module = &self.modules[at];
        if !seen.insert((at, name)) {
            return Found::Nothing;
        }
        if let Some(child) = module.children.get(name).filter(|_| !rest.is_empty() || !module.items.contains_key(name)) {
            return self.find(*child, rest, true, seen);
        }
        if let Some(file) = module.items.get(name) {
            return Found::Item(*file);
        }
        for import in module.imports.iter().filter(|import| import.name.as_ref() == Some(name)) {
            match self.resolve(at, &import.from.path, seen) {
                Found::Module(other) => return self.find(other, rest, true, seen),
                Found::Item(file) => return Found::Item(file),
                // The name of another crate's.
                Found::Nothing if import.from.path.first() != Some(name) => return Found::Nothing,
                Found::Nothing => {}
            }
        }
        for import in module.imports.iter().filter(|import| import.name.is_none()) {
            if let Found::Module(other) = self.resolve(at, &import.from.path, &mut seen.clone())
                && let found @ (Found::Item(_) | Found::Module(_)) = self.find(other, path, false, seen)
            {
                return found;
            }
        }
        if within { Found::Item(module.file) } else { Found::Nothing }
    }
}

/// Collects what one module says, without its child modules.
struct Reader {
    module: Module,
}

impl Reader {
    fn import(&mut self, tree: &UseTree, mut path: Vec<String>, exported: bool) {
        let (ident, name) = match tree {
            UseTree::Path(tree) => {
                path.push(tree.ident.to_string());
                return self.import(&tree.tree, path, exported);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(tree, path.clone(), exported));
            }
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                return self.module.imports.push(Import { name: None, from: Mention { path, line }, exported });
            }
            UseTree::Name(tree) if tree.ident == "self" => (&tree.ident, path.last().cloned()),
            UseTree::Name(tree) => (&tree.ident, Some(tree.ident.to_string())),
            UseTree::Rename(tree) => (&tree.ident, Some(tree.rename.to_string())),
        };
        if ident != "self" {
            path.push(ident.to_string());
        }
        let from = Mention { path, line: ident.span().start().line };
        self.module.imports.push(Import { name, from, exported });
    }

    fn mention(&mut self, idents: &[&Ident]) {
        let Some(first) = idents.first() else { return };
        let path = idents.iter().map(ToString::to_string).collect();
        self.module.mentions.push(Mention { path, line: first.span().start().line });
    }

    /// The paths in the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let punct = |at: usize, sign: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
        let mut at = 0;
        while at < tokens.len() {
            let mut path = Vec::new();
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(first) if at == 0 || !punct(at - 1, '.') => {
                    path.push(first);
                    while punct(at + 1, ':') && punct(at + 2, ':') {
                        let Some(TokenTree::Ident(next)) = tokens.get(at + 3) else { break };
                        path.push(next);
                        at += 3;
                    }
                }
                _ => {}
            }
            self.mention(&path);
            at += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !only_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, method: &'ast syn::ImplItemFn) {
        if !only_tests(&method.attrs) {
            visit::visit_impl_item_fn(self, method);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let exported = !matches!(item.vis, Visibility::Inherited);
        self.import(&item.tree, Vec::new(), exported);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.mention(&path.segments.iter().map(|segment| &segment.ident).collect::<Vec<_>>());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }

    /// `#[serde(with = "crate::money::text")]` names a path in a text.
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let Meta::List(list) = &attribute.meta else { return };
        for token in list.tokens.clone() {
            let TokenTree::Literal(literal) = token else { continue };
            let text = literal.to_string();
            let path: Vec<_> = text.trim_matches('"').split("::").map(str::to_owned).collect();
            let ident = |part: &String| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
            if path.len() > 1 && path.iter().all(ident) {
                self.module.mentions.push(Mention { path, line: literal.span().start().line });
            }
        }
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The file that `#[path = "…"]` names.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

/// Whether only tests compile what has these attributes.
pub(crate) fn only_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::NameValue(_) => false,
    })
}

/// The attributes of an item.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The names that an item defines. The items that a macro makes are named in its tokens.
fn defined(item: &Item) -> Vec<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Macro(item) => match &item.ident {
            Some(ident) => ident,
            None => return made(item.mac.tokens.clone()),
        },
        _ => return Vec::new(),
    };
    vec![ident.to_string()]
}

fn made(tokens: TokenStream) -> Vec<String> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let pairs = tokens.windows(2).filter_map(|pair| match pair {
        [TokenTree::Ident(kind), TokenTree::Ident(name)] => {
            ["const", "enum", "fn", "static", "struct", "trait", "type"].iter().any(|item| kind == item).then(|| name.to_string())
        }
        _ => None,
    });
    pairs.collect()
}
