//! Who may call what: every route of every function has a row here, and no row is without its route. Whoever adds a
//! route decides who may call it before it can be merged.

use crate::sources::{code, members, root, rust};

/// Who may call a route, and how that is known.
#[derive(Debug, Clone, Copy)]
enum Caller {
    /// Anyone: nothing of anybody's is read (R1).
    Anyone,
    /// Whoever holds the quote's link, with its secret.
    LinkHolder,
    /// Whoever signs in and is the technical contact or the purchaser (R49, R54).
    TechnicalContactOrPurchaser,
    /// Stripe, by its signature over the raw body.
    Stripe,
}

use Caller::{Anyone, LinkHolder, Stripe, TechnicalContactOrPurchaser};

const ROUTES: &[(&str, &str, Caller)] = &[
    ("documents", "GET /v1/quotes/{number}/document.pdf", LinkHolder),
    ("documents", "GET /v1/quotes/{number}/invoice.pdf", LinkHolder),
    ("licenses", "GET /.well-known/license-keys.json", Anyone),
    ("licenses", "GET /v1/licenses/{sen}", TechnicalContactOrPurchaser),
    ("licenses", "POST /v1/licenses/{sen}/reveal", TechnicalContactOrPurchaser),
    ("payments", "POST /webhooks/stripe", Stripe),
    ("quotes", "GET /v1/quotes/{number}", LinkHolder),
    ("quotes", "POST /v1/quotes", Anyone),
    ("quotes", "POST /v1/quotes/preview", Anyone),
    ("quotes", "POST /v1/quotes/{number}/revisions", LinkHolder),
];

/// What each caller is recognised by in the code of its function.
fn proof(caller: Caller) -> Option<&'static str> {
    match caller {
        Anyone => None,
        LinkHolder => Some("open("),
        TechnicalContactOrPurchaser => Some("visible_to("),
        Stripe => Some("verify("),
    }
}

/// The routes in a function's code, `.route("/path", get(view).post(change))` being two.
fn routes_in(code: &str) -> Vec<String> {
    let mut routes = Vec::new();
    for route in code.split(".route(").skip(1) {
        let Some((path, rest)) = route.trim_start().strip_prefix('"').and_then(|route| route.split_once('"')) else {
            panic!("a path must be written where its route is: {}", route.lines().next().unwrap_or_default());
        };
        let mut depth = 1;
        let arguments = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        let arguments = &rest[..arguments.expect("a call ends")];
        let methods = ["get", "post", "put", "patch", "delete"].into_iter();
        let methods: Vec<_> = methods.filter(|method| has_call(arguments, method)).collect();
        assert!(!methods.is_empty(), "no method was found for {path}: {arguments}");
        routes.extend(methods.iter().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    routes
}

/// Whether a function of exactly this name is called.
fn has_call(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        code[at + name.len()..].starts_with('(') && before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    })
}

fn functions() -> impl Iterator<Item = (String, String)> {
    members().into_iter().filter(|member| member.path.starts_with("functions/")).map(|member| {
        let files = rust(&root().join(&member.path).join("src"));
        (member.folder().to_owned(), files.iter().map(|file| code(file)).collect())
    })
}

#[test]
fn routes_are_found_in_code() {
    let code = r#"Router::new()
        .route("/v1/things", get(list).post(create))
        .route(
            "/v1/things/{id}",
            delete(forget),
        ).with_state(budget(1))"#;
    assert_eq!(routes_in(code), ["GET /v1/things", "POST /v1/things", "DELETE /v1/things/{id}"]);
}

#[test]
fn every_route_says_who_may_call_it() {
    let mut found: Vec<_> =
        functions().flat_map(|(name, code)| routes_in(&code).into_iter().map(move |route| (name.clone(), route))).collect();
    found.sort();
    let listed: Vec<_> = ROUTES.iter().map(|(function, route, _)| ((*function).to_owned(), (*route).to_owned())).collect();
    assert_eq!(found, listed, "left: in the code; right: in the table of this test");
}

/// A way of routing that this test does not read would lead around the table.
#[test]
fn routes_are_made_in_no_other_way() {
    for (name, code) in functions() {
        for other in [".nest(", ".nest_service(", ".route_service(", ".fallback(", ".fallback_service(", ".merge("] {
            assert!(!code.contains(other), "functions/{name} uses `{other}…)`");
        }
        for imported in code.split("routing::").skip(1).filter_map(|rest| rest.split([';', '(', '}']).next()) {
            let mut words = imported.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
            let other = words.find(|word| !matches!(*word, "get" | "post" | "put" | "patch" | "delete"));
            assert_eq!(other, None, "functions/{name} routes with it");
        }
    }
}

#[test]
fn every_function_asks_for_the_proof_that_its_callers_owe() {
    for (function, route, caller) in ROUTES {
        let Some(proof) = proof(*caller) else { continue };
        let (_, code) = functions().find(|(name, _)| name == function).expect("a function");
        assert!(code.contains(proof), "{function}: {route} is for {caller:?}, but nothing calls `{proof}…)`");
    }
}
