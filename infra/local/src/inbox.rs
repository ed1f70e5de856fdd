//! The inbox of the mail service: sent letters, as HTML for people and as JSON for tests.
//!
//! Letters are untrusted content. All text is escaped. The HTML part is in a sandboxed frame without scripts and origin. The
//! content security policy of the pages loads nothing from other addresses. Attachments can only be downloaded.

use std::{io, sync::LazyLock};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{
        ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, VARY,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use jiff::tz::TimeZone;
use minijinja::{Environment, value::Serde};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    letter::Letter,
    post::{Page, PostOffice},
};

/// No scripts, no forms, no resources of other origins. Letters need inline styles, and their frame inherits this policy.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The number of letters on a page, unless the request states another one …
const PAGE: usize = 100;
/// … which can be up to this.
const MOST: usize = 1_000;

/// Which letters a request asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    before: Option<String>,
    limit: Option<usize>,
}

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    for (name, source) in [
        ("page.html", include_str!("inbox/page.html")),
        ("list.html", include_str!("inbox/list.html")),
        ("letter.html", include_str!("inbox/letter.html")),
    ] {
        pages.add_template(name, source).expect("the inbox templates are valid: a test renders them");
    }
    pages
});

/// The inbox, with absolute paths:
///
/// * `GET /local/inbox`: the newest letters, newest first; with `Accept: application/json` the same letters oldest first, as
///   `{"messages": [{"id", "to", "from", "configuration_set", "subject", "date", "text", "html", "attachments": […]}], "total",
///   "previous"}`, where `to` is one string (addresses joined by `", "`), absent parts are `null`, an attachment is
///   `{"filename", "content_type", "size", "url"}` with its size in bytes and its path, `total` is the number of all letters, and
///   `previous` the path of the page with the letters before these, or `null`;
/// * `GET /local/inbox?before={id}&limit={n}`: the letters before one of them, at most `n` (1 to 1000, by default 100);
/// * `GET /local/inbox/{id}`: one letter, likewise as HTML or JSON;
/// * `GET /local/inbox/{id}/attachments/{n}`: the bytes of its attachment `n`, counted from 1.
///
/// A missing letter or attachment is a 404. A mail directory that cannot be read is a 500; a retry is safe.
pub fn router(post: PostOffice) -> Router {
    Router::new()
        .route("/local/inbox", get(list))
        .route("/local/inbox/{id}", get(one))
        .route("/local/inbox/{id}/attachments/{number}", get(attachment))
        .with_state(post)
}

async fn list(
    State(post): State<PostOffice>,
    Query(Selection { before, limit }): Query<Selection>,
    headers: HeaderMap,
) -> Result<Response, InboxError> {
    let most = limit.unwrap_or(PAGE).clamp(1, MOST);
    let Page { letters, total, previous } = reading(move || post.page(before.as_deref(), most)).await?;
    let previous = previous.map(|before| match limit {
        Some(_) => format!("/local/inbox?before={before}&limit={most}"),
        None => format!("/local/inbox?before={before}"),
    });
    if wants_json(&headers) {
        let messages: Vec<Value> = letters.iter().map(view).collect();
        return Ok(guarded(Json(json!({ "messages": messages, "total": total, "previous": previous }))));
    }
    let letters: Vec<_> = letters.iter().rev().map(shown).collect();
    page("list.html", &json!({ "letters": letters, "total": total, "previous": previous }))
}

async fn one(State(post): State<PostOffice>, Path(id): Path<String>, headers: HeaderMap) -> Result<Response, InboxError> {
    let letter = reading(move || post.message(&id)).await?.ok_or(InboxError::Missing)?;
    if wants_json(&headers) {
        return Ok(guarded(Json(view(&letter))));
    }
    let origin = headers.get(HOST).and_then(|host| host.to_str().ok()).map(|host| format!("http://{host}"));
    page("letter.html", &json!({ "letter": shown(&letter), "origin": origin }))
}

async fn attachment(State(post): State<PostOffice>, Path((id, number)): Path<(String, usize)>) -> Result<Response, InboxError> {
    let letter = reading(move || post.message(&id)).await?.ok_or(InboxError::Missing)?;
    let index = number.checked_sub(1).ok_or(InboxError::Missing)?;
    let file = letter.attachments.into_iter().nth(index).ok_or(InboxError::Missing)?;
    let kind = HeaderValue::from_str(&file.content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    // RFC 8187: any file name, encoded in characters that a header allows.
    let name = utf8_percent_encode(&file.filename, NON_ALPHANUMERIC);
    let disposition = format!("attachment; filename*=UTF-8''{name}");
    Ok(guarded(([(CONTENT_TYPE, kind.to_str().unwrap_or_default()), (CONTENT_DISPOSITION, &disposition)], file.content)))
}

/// A letter for programs.
fn view(letter: &Letter) -> Value {
    let attachments: Vec<Value> = letter
        .attachments
        .iter()
        .zip(1..)
        .map(|(file, number)| {
            json!({
                "filename": file.filename,
                "content_type": file.content_type,
                "size": file.content.len(),
                "url": format!("/local/inbox/{}/attachments/{number}", letter.id),
            })
        })
        .collect();
    json!({
        "id": letter.id,
        "to": letter.to.join(", "),
        "from": letter.from,
        "configuration_set": letter.configuration_set,
        "subject": letter.subject,
        "date": letter.date,
        "text": letter.text,
        "html": letter.html,
        "attachments": attachments,
    })
}

/// A letter for people: time and sizes are formatted, and links of the HTML part open in a new tab.
fn shown(letter: &Letter) -> Value {
    let mut view = view(letter);
    view["time"] = json!(letter.date.map(|date| { date.to_zoned(TimeZone::UTC).strftime("%-d %b %Y, %H:%M UTC").to_string() }));
    view["frame"] = json!(letter.html.as_ref().map(|html| format!("<base target=\"_blank\">{html}")));
    if let Some(files) = view["attachments"].as_array_mut() {
        for (file, attachment) in files.iter_mut().zip(&letter.attachments) {
            file["size"] = json!(size(attachment.content.len()));
        }
    }
    view
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("application/json"))
}

fn page(name: &str, context: &Value) -> Result<Response, InboxError> {
    let html = PAGES.get_template(name).and_then(|page| page.render(Serde(context))).map_err(io::Error::other)?;
    Ok(guarded(Html(html)))
}

/// The response with headers that isolate a letter's content.
fn guarded(answer: impl IntoResponse) -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (VARY, "Accept"),
    ];
    (headers, answer).into_response()
}

/// Reads files on a thread where blocking is allowed.
async fn reading<T: Send + 'static>(read: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, InboxError> {
    Ok(tokio::task::spawn_blocking(read).await.map_err(io::Error::other).flatten()?)
}

enum InboxError {
    Missing,
    Unreadable(io::Error),
}

impl From<io::Error> for InboxError {
    fn from(cause: io::Error) -> Self {
        Self::Unreadable(cause)
    }
}

impl IntoResponse for InboxError {
    fn into_response(self) -> Response {
        let (status, sentence) = match self {
            Self::Missing => (StatusCode::NOT_FOUND, "There is no such letter or attachment.\n"),
            Self::Unreadable(cause) => {
                tracing::error!(%cause, "the inbox cannot be read");
                (StatusCode::INTERNAL_SERVER_ERROR, "The mail directory cannot be read.\n")
            }
        };
        guarded((status, sentence))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::body::Body;
    use http::{Request, header::HeaderName};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::post::tests::{letter, send};

    async fn ask(post: &PostOffice, path: &str, accept: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
        let request = Request::get(path).header(ACCEPT, accept).body(Body::empty()).unwrap();
        let (head, body) = router(post.clone()).oneshot(request).await.unwrap().into_parts();
        (head.status, head.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    async fn json_of(post: &PostOffice, path: &str) -> Value {
        let (status, _, body) = ask(post, path, "application/json").await;
        assert_eq!(status, StatusCode::OK);
        serde_json::from_slice(&body).unwrap()
    }

    async fn html_of(post: &PostOffice, path: &str) -> String {
        let (status, headers, body) = ask(post, path, "text/html,application/xhtml+xml,*/*;q=0.8").await;
        assert_eq!(status, StatusCode::OK);
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("script-src"), "{policy}");
        String::from_utf8(body).unwrap()
    }

    #[tokio::test]
    async fn a_program_reads_the_letters_oldest_first() {
        let folder = tempfile::tempdir().unwrap();
        let post = PostOffice::open(folder.path()).unwrap();
        assert_eq!(json_of(&post, "/local/inbox").await, json!({ "messages": [], "total": 0, "previous": null }));
        send(&post, &letter("お見積り Q-1", "<p>Total</p>")).await;
        send(&post, &letter("Quote Q-2", "<p>Total</p>")).await;

        let inbox = json_of(&post, "/local/inbox").await;
        let [first, second] = inbox["messages"].as_array().unwrap().as_slice() else { panic!("two letters: {inbox}") };
        assert_eq!(first["to"], "tech@example.com");
        assert_eq!(first["from"], "sales@example.com");
        assert_eq!(first["subject"], "お見積り Q-1");
        assert_eq!(first["text"], "Please find the quote attached.");
        assert_eq!(first["html"], "<p>Total</p>");
        assert_eq!(first["date"], "2026-11-22T09:00:00Z");
        assert_eq!(second["subject"], "Quote Q-2");
        let file = &first["attachments"][0];
        assert_eq!(
            (&file["filename"], &file["content_type"], &file["size"]),
            (&json!("見積書.pdf"), &json!("application/pdf"), &json!(12))
        );
        let path = format!("/local/inbox/{}", first["id"].as_str().unwrap());
        assert_eq!(file["url"], format!("{path}/attachments/1"));
        assert_eq!(&json_of(&post, &path).await, first);
    }

    #[tokio::test]
    async fn an_attachment_is_downloaded_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let post = PostOffice::open(folder.path()).unwrap();
        send(&post, &letter("Quote", "<p>Total</p>")).await;
        let inbox = json_of(&post, "/local/inbox").await;
        let url = inbox["messages"][0]["attachments"][0]["url"].as_str().unwrap();

        let (status, headers, body) = ask(&post, url, "*/*").await;
        assert_eq!((status, &body[..]), (StatusCode::OK, &b"%PDF-1.7 \0\xff\n"[..]));
        let header = |name: HeaderName| headers[name].to_str().unwrap();
        assert_eq!(header(CONTENT_TYPE), "application/pdf");
        assert_eq!(header(X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(header(CONTENT_DISPOSITION), "attachment; filename*=UTF-8''%E8%A6%8B%E7%A9%8D%E6%9B%B8%2Epdf");
    }

    #[tokio::test]
    async fn a_letter_cannot_break_out_of_its_page() {
        let folder = tempfile::tempdir().unwrap();
        let post = PostOffice::open(folder.path()).unwrap();
        send(&post, &letter("<script>alert(1)</script>", "<a title=\"x\" href='y'>\"><script>alert(2)</script></a>")).await;
        let inbox = json_of(&post, "/local/inbox").await;
        let id = inbox["messages"][0]["id"].as_str().unwrap();

        let list = html_of(&post, "/local/inbox").await;
        let page = html_of(&post, &format!("/local/inbox/{id}")).await;
        assert!(list.contains("&lt;script&gt;alert(1)") && page.contains("&lt;script&gt;alert(2)"));
        for html in [&list, &page] {
            assert!(!html.contains("<script"), "{html}");
        }
        let frame = page.split_once("<iframe").unwrap().1.split_once("</iframe>").unwrap().0;
        assert!(frame.contains("sandbox=\"allow-popups allow-popups-to-escape-sandbox\""), "{frame}");
        assert_eq!(frame.matches('"').count(), 6, "the letter's quotes do not end the attribute: {frame}");
    }

    #[tokio::test]
    async fn the_page_lists_the_newest_letter_first_and_states_that_an_inbox_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let post = PostOffice::open(folder.path()).unwrap();
        assert!(html_of(&post, "/local/inbox").await.contains("No letters yet"));
        send(&post, &letter("The first", "<p>1</p>")).await;
        send(&post, &letter("The second", "<p>2</p>")).await;
        let list = html_of(&post, "/local/inbox").await;
        assert!(list.find("The second").unwrap() < list.find("The first").unwrap());
        assert!(list.contains("2 letters") && list.contains("22 Nov 2026, 09:00 UTC") && list.contains("12 bytes"));
    }

    /// Finding A11.
    #[tokio::test]
    async fn a11_the_inbox_has_pages_for_people_and_for_programs() {
        let folder = tempfile::tempdir().unwrap();
        let post = PostOffice::open(folder.path()).unwrap();
        for n in 1..=PAGE + 2 {
            std::fs::write(folder.path().join(format!("mail/{n:08}-00000000.eml")), letter(&format!("No. {n}!"), "")).unwrap();
        }
        let newest = json_of(&post, "/local/inbox").await;
        let messages = newest["messages"].as_array().unwrap();
        assert_eq!((messages.len(), &newest["total"]), (PAGE, &json!(PAGE + 2)));
        assert_eq!((&messages[0]["subject"], &messages[PAGE - 1]["subject"]), (&json!("No. 3!"), &json!("No. 102!")));
        let oldest = json_of(&post, newest["previous"].as_str().unwrap()).await;
        assert_eq!((oldest["messages"].as_array().unwrap().len(), &oldest["previous"]), (2, &Value::Null));
        let few = json_of(&post, "/local/inbox?limit=5").await;
        assert_eq!(few["messages"].as_array().unwrap().len(), 5);
        assert_eq!(json_of(&post, few["previous"].as_str().unwrap()).await["messages"].as_array().unwrap().len(), 5);

        let html = html_of(&post, "/local/inbox").await;
        assert!(html.contains("102 letters") && html.contains("No. 102!") && !html.contains("No. 2!"), "{html}");
        let link = html.split_once("<a rel=\"next\" href=\"").unwrap().1.split_once('"').unwrap().0;
        let html = html_of(&post, &link.replace("&#x2f;", "/").replace("&amp;", "&")).await;
        assert!(html.contains("No. 2!") && html.contains("No. 1!") && !html.contains("rel=\"next\""), "{html}");
        assert_eq!(ask(&post, "/local/inbox?page=2", "*/*").await.0, StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn missing_letters_are_not_found_and_no_path_leaves_the_mail_directory() {
        let folder = tempfile::tempdir().unwrap();
        let post = PostOffice::open(folder.path()).unwrap();
        std::fs::write(folder.path().join("secret.eml"), "Subject: secret\r\n\r\n").unwrap();
        let id = send(&post, &letter("Quote", "<p>Total</p>")).await;
        for path in [
            "/local/inbox/00000009".to_owned(),
            "/local/inbox/..%2Fsecret".to_owned(),
            format!("/local/inbox/{id}/attachments/0"),
            format!("/local/inbox/{id}/attachments/2"),
        ] {
            assert_eq!(ask(&post, &path, "*/*").await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }
}
