//! The PDF of a quote, and the PDF of the invoice of a paid quote.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use contract::Links;
use domain::{Code, Refusal, policy::Mistakes, quote::Stage};
use runtime::{
    Clock, Configuration, Failure, Policies, Reply, Routes, StartError, Vendor,
    authority::{LinkHolder, WithLinks, WithStore},
    task,
};
use store::Store;
use typesetting::{Brand, Document, Typesetter};

/// What the handlers work with.
pub struct Documents {
    store: Store,
    policies: Policies,
    links: Links,
    typesetter: Typesetter,
}

/// The template of documents in the vendor's folder, with its logo and fonts.
fn typesetter(vendor: &Vendor) -> Result<Typesetter, Mistakes> {
    let brand = Brand { logo: vendor.file_if_there(typesetting::LOGO).map(str::to_owned), fonts: vendor.fonts()? };
    Ok(Typesetter::branded(vendor.file(typesetting::TEMPLATE)?, brand)?)
}

/// Checks the template of documents in a vendor's folder.
///
/// # Errors
///
/// Every mistake in it.
pub fn template(vendor: &Vendor) -> Result<(), Mistakes> {
    typesetter(vendor).map(drop)
}

impl Documents {
    /// Reads `VENDOR_DIR`, `PUBLIC_URL`, `PAYMENT_URL` and `LINK_KEYS`, and checks the vendor's template.
    pub fn start(configuration: &Configuration, store: Store, clock: Clock) -> Result<Arc<Self>, StartError> {
        let (vendor, links) = Vendor::with_links(configuration)?;
        let (typesetter, policies) = Mistakes::both(typesetter(&vendor), Policies::new(&vendor, store.clone(), clock))?;
        Ok(Arc::new(Self { store, policies, links, typesetter }))
    }

    async fn pdf(self: Arc<Self>, document: Document) -> Reply {
        let name = document.number.clone();
        let missing = self.typesetter.unprintable(&document);
        if !missing.is_empty() {
            // Code points say which font is needed, and nothing about the person whose name it is.
            let characters = typesetting::code_points(&missing);
            tracing::warn!(code = "not_printable", number = %name, characters, "a document has boxes in place of characters");
        }
        let pdf = task::compute(move || self.typesetter.pdf(&document)).await;
        match pdf {
            Ok(Ok(pdf)) => Ok(reply(&name, pdf)),
            Ok(Err(error)) => Err(Failure::broken(format!("{name} cannot be typeset"), error)),
            Err(panicked) => Err(Failure::broken(format!("{name} cannot be typeset"), panicked)),
        }
    }
}

impl WithStore for Documents {
    fn store(&self) -> &Store {
        &self.store
    }
}

impl WithLinks for Documents {
    fn links(&self) -> &Links {
        &self.links
    }
}

/// The routes with the authority that each requires, the same in every deployment.
pub fn api() -> Routes<Documents> {
    Routes::new().get("/v1/quotes/{number}/document.pdf", quote).get("/v1/quotes/{number}/invoice.pdf", invoice)
}

/// The routes, with what their handlers work with.
pub fn routes(documents: Arc<Documents>) -> Router {
    api().with_state(documents)
}

/// `GET /v1/quotes/{number}/document.pdf`, with the secret of the link — R23.
async fn quote(holder: LinkHolder, State(documents): State<Arc<Documents>>) -> Reply {
    let quote = holder.quote();
    if matches!(quote.stage, Stage::InReview | Stage::Rejected) {
        return Err(Refusal::new(
            Code::NotYetIssued,
            "The order is in review or was rejected. The document exists once the quote is issued.",
        )
        .into());
    }
    let pay = documents.links.to(&quote.number, &quote.offer).pay();
    let document = Document::quote(quote, &*documents.policies.pinned(&quote.offer.policy_version).await?, &pay);
    documents.pdf(document).await
}

/// `GET /v1/quotes/{number}/invoice.pdf`, with the secret of the link.
async fn invoice(holder: LinkHolder, State(documents): State<Arc<Documents>>) -> Reply {
    let quote = holder.quote();
    match Document::invoice(quote, &*documents.policies.pinned(&quote.offer.policy_version).await?) {
        Some(document) => documents.pdf(document).await,
        None => Err(Refusal::new(Code::NotYetInvoiced, "The invoice exists once the quote is paid.").into()),
    }
}

fn reply(name: &str, pdf: Vec<u8>) -> Response {
    let mut response = pdf.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("inline; filename=\"{name}.pdf\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}
