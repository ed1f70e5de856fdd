//! The identity of callers: bearer tokens of any OpenID Connect issuer.
//!
//! The token is verified here and not at the gateway, so that the rule is the same behind any of them: RFC 6750 for the
//! header, RFC 7519 and RFC 8725 for the token, OpenID Connect Discovery 1.0 for finding the keys.

mod error;
mod issuer;

use std::fmt;
use std::sync::Arc;

use domain::party::Email;
use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde_json::{Map, Value};

pub use self::error::IdentityError;
use self::issuer::Issuer;
use crate::clock::Clock;
use crate::configuration::{BaseUrl, Reader};

/// How far our clock and the issuer's clock may differ.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// Longer tokens are refused unread. Gateways allow about 10 KB for all headers together.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Verifies the tokens that one issuer made for one audience. A cheap handle: clones share the issuer's keys.
#[derive(Clone, Debug)]
pub struct Verifier {
    issuer: Arc<Issuer>,
    audience: String,
    clock: Clock,
    claims: ClaimNames,
}

/// The names of the claims for which OpenID Connect has no standard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClaimNames {
    /// A text, or a list of exactly one: the organisation for which the caller acts.
    pub organization: String,
    /// A list of texts, or one text: the groups to which the caller belongs.
    pub groups: String,
    /// A text: the caller's e-mail address.
    pub email: String,
    /// What proves the address.
    pub email_verified: EmailProof,
}

/// What proves that the address of a token belongs to the caller. Issuers differ: some never send `email_verified`, and some let
/// their users change the address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EmailProof {
    /// The claim with this name. `email_verified` must be `true`; another claim may also be `1` or a text of one of them, as
    /// Microsoft writes `xms_edov`.
    Claim(String),
    /// The issuer itself: the vendor states that its administrators assign the addresses.
    Issuer,
}

/// The standard's claim (OpenID Connect Core 1.0, section 5.1).
const EMAIL_VERIFIED: &str = "email_verified";
/// The setting that an issuer proves its addresses itself.
const BY_ISSUER: &str = "issuer";

impl EmailProof {
    fn named(name: String) -> Self {
        if name == BY_ISSUER { Self::Issuer } else { Self::Claim(name) }
    }
}

impl Default for ClaimNames {
    /// `organization`, `groups`, and `email` with `email_verified`.
    fn default() -> Self {
        Self {
            organization: "organization".to_owned(),
            groups: "groups".to_owned(),
            email: "email".to_owned(),
            email_verified: EmailProof::Claim(EMAIL_VERIFIED.to_owned()),
        }
    }
}

/// The caller that a verified token identifies.
#[derive(Clone, Eq, PartialEq)]
pub struct Caller {
    /// The issuer's identifier of the caller (`sub`): never empty, never reused for another caller.
    pub subject: String,
    /// The caller's e-mail address, if it is verified.
    pub email: Option<VerifiedEmail>,
    /// Whether the token has an address that nothing proves.
    pub email_unproven: bool,
    /// The organisation for which the caller acts.
    pub organization: Option<String>,
    /// The groups to which the caller belongs.
    pub groups: Vec<String>,
}

impl Caller {
    /// The caller's verified address, for comparison with those of orders and records; `None` for a caller without one, and for one
    /// that no order can have.
    pub fn address(&self) -> Option<Email> {
        self.email.as_ref().and_then(|email| Email::parse(email.as_str()))
    }

    /// Whether the token states this group, with exactly this spelling.
    pub fn belongs_to(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }
}

/// Omits the subject and the e-mail address, which identify a person.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("organization", &self.organization).field("groups", &self.groups).finish_non_exhaustive()
    }
}

/// An e-mail address that is verified (see [`EmailProof`]), in lower case so that it can be compared.
///
/// Only A to Z are lowered. Lowering all of Unicode would turn the Kelvin sign into a `k`, and one address into another.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct VerifiedEmail(String);

impl VerifiedEmail {
    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for VerifiedEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedEmail(hidden)")
    }
}

impl Verifier {
    /// Accepts tokens of `issuer` for `audience`. Nothing is fetched yet, and no TLS client is set up.
    pub fn new(issuer: BaseUrl, audience: impl Into<String>, clock: Clock) -> Self {
        Self { issuer: Arc::new(Issuer::new(issuer)), audience: audience.into(), clock, claims: ClaimNames::default() }
    }

    /// Reads organisation, groups and address from other claims than the default ones.
    pub fn with_claims(self, claims: ClaimNames) -> Self {
        Self { claims, ..self }
    }

    /// Reads `OIDC_ISSUER` and `OIDC_AUDIENCE`; and `OIDC_ORGANIZATION_CLAIM`, `OIDC_GROUPS_CLAIM`, `OIDC_EMAIL_CLAIM` and
    /// `OIDC_EMAIL_VERIFIED_BY` (a claim, or `issuer`), for an issuer whose claims have other names than the defaults.
    pub fn read(c: &mut Reader<'_>, clock: Clock) -> Self {
        let usual = ClaimNames::default();
        let claims = ClaimNames {
            organization: c.optional("OIDC_ORGANIZATION_CLAIM").unwrap_or(usual.organization),
            groups: c.optional("OIDC_GROUPS_CLAIM").unwrap_or(usual.groups),
            email: c.optional("OIDC_EMAIL_CLAIM").unwrap_or(usual.email),
            email_verified: c.optional("OIDC_EMAIL_VERIFIED_BY").map_or(usual.email_verified, EmailProof::named),
        };
        Self::new(c.url("OIDC_ISSUER"), c.required("OIDC_AUDIENCE"), clock).with_claims(claims)
    }

    /// Fetches the issuer's keys in the start phase, where no caller waits.
    ///
    /// A failure is logged and has no other effect: the first request fetches the keys.
    pub async fn prepare(&self) {
        self.issuer.prepare().await;
    }

    /// The caller that an `Authorization` header identifies.
    ///
    /// # Errors
    ///
    /// See [`IdentityError`]. No part of the token is logged or included in an error.
    pub async fn caller(&self, authorization: Option<&str>) -> Result<Caller, IdentityError> {
        let token = bearer(authorization.ok_or(IdentityError::Missing)?)?;
        let header = jsonwebtoken::decode_header(token).map_err(|_| IdentityError::Malformed)?;
        let algorithm = accepted(&header)?;
        let key = self.issuer.key(header.kid.as_deref(), algorithm).await?;

        let token = jsonwebtoken::decode(token, &key, &signature_only(algorithm)).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => IdentityError::Rejected("its signature is wrong"),
            _ => IdentityError::Malformed,
        })?;
        self.judge(&Claims(token.claims))
    }

    /// The caller that a request's headers identify; `None` without an `Authorization` header.
    ///
    /// # Errors
    ///
    /// As [`caller`](Self::caller), but never [`IdentityError::Missing`]. A request with an invalid token is refused and never
    /// treated as anonymous.
    pub async fn optional_caller(&self, headers: &HeaderMap) -> Result<Option<Caller>, IdentityError> {
        let mut sent = headers.get_all(header::AUTHORIZATION).iter();
        let authorization = match (sent.next(), sent.next()) {
            (None, _) => return Ok(None),
            (Some(only), None) => only.to_str().map_err(|_| IdentityError::Malformed)?,
            (Some(_), Some(_)) => return Err(IdentityError::Malformed),
        };
        self.caller(Some(authorization)).await.map(Some)
    }

    /// The caller that a request's headers identify.
    ///
    /// # Errors
    ///
    /// As [`caller`](Self::caller).
    pub async fn required_caller(&self, headers: &HeaderMap) -> Result<Caller, IdentityError> {
        self.optional_caller(headers).await?.ok_or(IdentityError::Missing)
    }

    /// Checks whether a token with a valid signature is for this service and valid now.
    fn judge(&self, claims: &Claims) -> Result<Caller, IdentityError> {
        use IdentityError::Rejected;

        if claims.text("iss") != Some(self.issuer.name()) {
            return Err(Rejected("another issuer made it"));
        }
        if !claims.texts("aud").any(|audience| audience == self.audience) {
            return Err(Rejected("it is for another audience"));
        }
        let now = self.clock.now();
        let expires = claims.date("exp")?.ok_or(Rejected("it has no expiry"))?;
        if now.duration_since(expires) >= LEEWAY {
            return Err(Rejected("it has expired"));
        }
        if claims.date("nbf")?.is_some_and(|begins| begins.duration_since(now) > LEEWAY) {
            return Err(Rejected("it is not valid yet"));
        }
        let subject = claims.text("sub").filter(|subject| !subject.is_empty()).ok_or(Rejected("it has no subject"))?;
        let email = claims.verified_email(&self.claims);
        Ok(Caller {
            subject: subject.to_owned(),
            email_unproven: email.is_none() && claims.text(&self.claims.email).is_some(),
            email,
            organization: claims.only(&self.claims.organization).map(str::to_owned),
            groups: claims.texts(&self.claims.groups).map(str::to_owned).collect(),
        })
    }
}

/// The token in `Authorization: Bearer …`; the scheme may be written in any case (RFC 9110, section 11.1).
fn bearer(authorization: &str) -> Result<&str, IdentityError> {
    match authorization.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && token.len() <= MAX_TOKEN_BYTES => {
            Ok(token.trim_matches(' '))
        }
        _ => Err(IdentityError::Malformed),
    }
}

/// The algorithm of a token with an acceptable header. `none` is refused earlier: the header type cannot represent it.
fn accepted(header: &Header) -> Result<Algorithm, IdentityError> {
    // `crit` lists extensions that must be supported, and none is (RFC 7515, section 4.1.11).
    if header.crit.is_some() {
        return Err(IdentityError::Rejected("it needs an extension that is not supported"));
    }
    // A logout token, for example, has the right issuer and audience but is not a bearer token (RFC 8725, 3.11).
    let typ = header.typ.as_deref().unwrap_or("JWT");
    let typ = typ.strip_prefix("application/").unwrap_or(typ);
    if !["JWT", "at+jwt"].iter().any(|good| typ.eq_ignore_ascii_case(good)) {
        return Err(IdentityError::Rejected("it is not an access token or ID token"));
    }
    match header.alg {
        Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA => Ok(header.alg),
        _ => Err(IdentityError::Rejected("it is not signed with RS256, ES256 or EdDSA")),
    }
}

/// The library checks only signatures. Its checks of the claims use the machine's time instead of our clock, and accept lists
/// where the standard requires one text.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// The claims of a token with a valid signature.
struct Claims(Map<String, Value>);

impl Claims {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A claim that is a text or a list of texts, as `aud` is (RFC 7519, section 4.1.3).
    fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        let claim = self.0.get(name).map(|claim| claim.as_array().map_or(std::slice::from_ref(claim), Vec::as_slice));
        claim.unwrap_or_default().iter().filter_map(Value::as_str)
    }

    /// A claim that is a text or a list of one. With several entries, the right one is unknown.
    fn only(&self, name: &str) -> Option<&str> {
        let mut texts = self.texts(name);
        texts.next().filter(|only| !only.is_empty() && texts.next().is_none())
    }

    /// A `NumericDate`: seconds since 1970, possibly with a fraction (RFC 7519, section 2).
    fn date(&self, name: &str) -> Result<Option<Timestamp>, IdentityError> {
        let Some(claim) = self.0.get(name) else { return Ok(None) };
        claim
            .as_f64()
            .and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok())
            .and_then(|since_1970| Timestamp::from_duration(since_1970).ok())
            .map(Some)
            .ok_or(IdentityError::Rejected("it has an invalid date"))
    }

    /// The address, if it is proven. Of `email_verified`, only the value `true` proves it: some issuers send the text "true" for
    /// addresses that were never verified.
    fn verified_email(&self, names: &ClaimNames) -> Option<VerifiedEmail> {
        let email = self.text(&names.email)?.trim();
        let verified = match &names.email_verified {
            EmailProof::Issuer => true,
            EmailProof::Claim(name) => match self.0.get(name) {
                Some(Value::Bool(proven)) => *proven,
                Some(Value::Number(number)) => name != EMAIL_VERIFIED && number.as_u64() == Some(1),
                Some(Value::String(text)) => name != EMAIL_VERIFIED && ["1", "true"].contains(&&**text),
                _ => false,
            },
        };
        // The spelling in which addresses are stored and compared. An address that is stored nowhere keeps its own.
        let email = Email::parse(email).map_or_else(|| email.to_owned(), |email| email.as_str().to_owned());
        (verified && !email.is_empty()).then(|| VerifiedEmail(email.to_ascii_lowercase()))
    }
}
