//! One token request: built, sent, understood.

use super::assertion::{Claims, KeyAlgorithm, Signer};
use super::{SignInMethod, TokenAddress};
use crate::RemoteError;
use crate::http::{
    NewId, Now, SettingProblem, Transport, TransportFailure, percent_encode, quoted, retry_after_ms,
};
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse, BasicTokenType};
use oauth2::{AuthType, ClientId, ClientSecret, RequestTokenError, Scope, TokenResponse, TokenUrl};
use record::Remote;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

const GRANT_JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ASSERTION_JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// An assertion's life in seconds: under the five minutes of SMART even where the remote's clock is a little behind.
const ASSERTION_LIFE_S: i64 = 240;
/// A clock that is off by more than this makes assertions invalid on strict servers.
const CLOCK_TOLERANCE_MS: i64 = 30_000;

/// A token as it was granted.
pub(super) struct Granted {
    pub text: SecretString,
    pub life_ms: Option<i64>,
}

pub(super) struct Exchange {
    remote: Remote,
    method: SignInMethod,
    signer: Option<Signer>,
    address: TokenAddress,
    discovered: OnceLock<String>,
    transport: Arc<dyn Transport>,
    now: Now,
    new_id: NewId,
}

/// What the head of the answer said; the oauth2 crate keeps the body alone.
#[derive(Clone, Default)]
struct Head {
    status: u16,
    retry_after_ms: Option<u64>,
    clock_ahead_ms: Option<i64>,
}

/// The oauth2 crate's way to our transport.
struct Wire<'t> {
    transport: &'t dyn Transport,
    now: &'t Now,
    head: Mutex<Head>,
}

impl Wire<'_> {
    async fn send(&self, request: oauth2::HttpRequest) -> Result<oauth2::HttpResponse, TransportFailure> {
        let response = self.transport.send(request).await?;
        let now_ms = (self.now)();
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = Head {
            status: response.status().as_u16(),
            retry_after_ms: retry_after_ms(response.headers(), now_ms),
            clock_ahead_ms: crate::http::date_ms(response.headers())
                .map(|at_ms| at_ms.saturating_sub(now_ms)),
        };
        Ok(response)
    }

    fn head(&self) -> Head {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<'c> oauth2::AsyncHttpClient<'c> for Wire<'_> {
    type Error = TransportFailure;
    type Future = Pin<Box<dyn Future<Output = Result<oauth2::HttpResponse, TransportFailure>> + Send + 'c>>;

    fn call(&'c self, request: oauth2::HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// `.well-known/smart-configuration`, the part that is needed.
#[derive(Deserialize)]
#[allow(clippy::struct_field_names, reason = "SMART's names")]
struct SmartConfiguration {
    token_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    token_endpoint_auth_signing_alg_values_supported: Vec<String>,
}

impl Exchange {
    pub(super) fn new(
        remote: Remote,
        method: SignInMethod,
        address: TokenAddress,
        transport: Arc<dyn Transport>,
        now: Now,
        new_id: NewId,
    ) -> Result<Exchange, SettingProblem> {
        let (client_id, key) = match &method {
            SignInMethod::JwtBearer { client_id, key, .. }
            | SignInMethod::PrivateKeyJwt { client_id, key, .. } => (client_id, Some(key)),
            SignInMethod::ClientSecret { client_id, .. } => (client_id, None),
        };
        if client_id.trim().is_empty() {
            return Err(SettingProblem::new("oauth_client_id", "is empty: give the OAuth client's id"));
        }
        if let SignInMethod::JwtBearer { subject, .. } = &method
            && subject.trim().is_empty()
        {
            return Err(SettingProblem::new(
                "oauth_subject",
                "is empty: give the integration user as ServiceNow's JWT profile knows it",
            ));
        }
        if let (SignInMethod::PrivateKeyJwt { .. }, Some(key)) = (&method, key)
            && !matches!(key.algorithm, KeyAlgorithm::Rs384 | KeyAlgorithm::Es384)
        {
            return Err(SettingProblem::new(
                "oauth_algorithm",
                format!("{} is not taken by a SMART EHR: use RS384 or ES384", key.algorithm.as_str()),
            ));
        }
        let url = match &address {
            TokenAddress::Known(url) => url,
            TokenAddress::Discover { base_url } => base_url,
        };
        if !url.starts_with("https://") || TokenUrl::new(url.clone()).is_err() {
            return Err(SettingProblem::new("oauth_token_url", "must be a full https:// address"));
        }
        let signer = key.map(Signer::new).transpose()?;
        Ok(Exchange { remote, method, signer, address, discovered: OnceLock::new(), transport, now, new_id })
    }

    /// Fetches one token.
    pub(super) async fn run(&self) -> Result<Granted, RemoteError> {
        let address = self.token_address().await?;
        let url = TokenUrl::new(address.clone())
            .map_err(|_| self.refused("the token address that the EHR names is not an address"))?;
        let wire = Wire { transport: &*self.transport, now: &self.now, head: Mutex::new(Head::default()) };
        let answer = match &self.method {
            SignInMethod::JwtBearer { client_id, client_secret, issuer, subject, audience, .. } => {
                let assertion = self.assertion(
                    issuer.as_deref().unwrap_or(client_id),
                    subject,
                    audience.as_deref().unwrap_or(client_id),
                )?;
                let mut form = vec![("grant_type", GRANT_JWT_BEARER), ("assertion", &assertion)];
                if let Some(secret) = client_secret {
                    form.push(("client_id", client_id));
                    form.push(("client_secret", secret.expose_secret()));
                }
                post_form(&wire, &address, &form).await
            }
            SignInMethod::ClientSecret { client_id, client_secret, scopes } => {
                BasicClient::new(ClientId::new(client_id.clone()))
                    .set_client_secret(ClientSecret::new(client_secret.expose_secret().to_owned()))
                    .set_auth_type(AuthType::RequestBody)
                    .set_token_uri(url)
                    .exchange_client_credentials()
                    .add_scopes(scopes.iter().cloned().map(Scope::new))
                    .request_async(&wire)
                    .await
            }
            SignInMethod::PrivateKeyJwt { client_id, scopes, audience, .. } => {
                let assertion =
                    self.assertion(client_id, client_id, audience.as_deref().unwrap_or(&address))?;
                BasicClient::new(ClientId::new(client_id.clone()))
                    .set_auth_type(AuthType::RequestBody)
                    .set_token_uri(url)
                    .exchange_client_credentials()
                    .add_scopes(scopes.iter().cloned().map(Scope::new))
                    .add_extra_param("client_assertion_type", ASSERTION_JWT_BEARER)
                    .add_extra_param("client_assertion", assertion)
                    .request_async(&wire)
                    .await
            }
        };
        let head = wire.head();
        let token = answer.map_err(|error| self.in_words(&error, &head))?;
        if !matches!(token.token_type(), BasicTokenType::Bearer) {
            return Err(
                self.refused("it granted a token of another type than Bearer, which is not supported")
            );
        }
        if token.access_token().secret().is_empty() {
            return Err(self.refused("it granted an empty token"));
        }
        Ok(Granted {
            text: SecretString::from(token.access_token().secret().to_owned()),
            life_ms: token.expires_in().map(|life| i64::try_from(life.as_millis()).unwrap_or(i64::MAX)),
        })
    }

    fn refused(&self, what: impl Into<String>) -> RemoteError {
        RemoteError::SignIn { remote: self.remote, what: what.into() }
    }

    fn assertion(&self, iss: &str, sub: &str, aud: &str) -> Result<String, RemoteError> {
        let iat = (self.now)().div_euclid(1000);
        let claims = Claims { iss, sub, aud, iat, exp: iat + ASSERTION_LIFE_S, jti: (self.new_id)() };
        self.signer
            .as_ref()
            .and_then(|signer| signer.sign(&claims).ok())
            .ok_or_else(|| self.refused("the private key cannot sign: check it in the settings"))
    }

    async fn token_address(&self) -> Result<String, RemoteError> {
        let base_url = match &self.address {
            TokenAddress::Known(url) => return Ok(url.clone()),
            TokenAddress::Discover { base_url } => base_url,
        };
        if let Some(found) = self.discovered.get() {
            return Ok(found.clone());
        }
        let url = format!("{}/.well-known/smart-configuration", base_url.trim_end_matches('/'));
        let mut request = http::Request::new(Vec::new());
        *request.uri_mut() = url
            .parse()
            .map_err(|_| self.refused("the EHR's base address is not an address: check the settings"))?;
        request
            .headers_mut()
            .insert(http::header::ACCEPT, http::HeaderValue::from_static("application/json"));
        let wire = Wire { transport: &*self.transport, now: &self.now, head: Mutex::new(Head::default()) };
        let response = wire.send(request).await.map_err(|failure| self.no_answer(&failure))?;
        let head = wire.head();
        if passes_by_itself(head.status) {
            return Err(self.passing(&head));
        }
        let unusable = |what: &str| {
            self.refused(format!(
                ".well-known/smart-configuration {what}: set the token address in the settings"
            ))
        };
        if head.status != 200 {
            return Err(unusable(&format!("was answered with {}", head.status)));
        }
        let found: SmartConfiguration = serde_json::from_slice(response.body())
            .map_err(|_| unusable("is not the JSON that SMART describes"))?;
        let endpoint = found
            .token_endpoint
            .filter(|url| url.starts_with("https://"))
            .ok_or_else(|| unusable("names no https:// token address"))?;
        let methods = &found.token_endpoint_auth_methods_supported;
        if matches!(self.method, SignInMethod::PrivateKeyJwt { .. })
            && !methods.is_empty()
            && !methods.iter().any(|method| method == "private_key_jwt")
        {
            return Err(self.refused("it does not support private_key_jwt: choose another sign-in method"));
        }
        let algorithms = &found.token_endpoint_auth_signing_alg_values_supported;
        if let SignInMethod::PrivateKeyJwt { key, .. } = &self.method
            && !algorithms.is_empty()
            && !algorithms.iter().any(|name| name == key.algorithm.as_str())
        {
            return Err(self.refused(format!(
                "it does not take {}, only {}: use a key of that kind",
                key.algorithm.as_str(),
                quoted(&algorithms.join(", "))
            )));
        }
        Ok(self.discovered.get_or_init(|| endpoint).clone())
    }

    fn no_answer(&self, failure: &TransportFailure) -> RemoteError {
        match failure {
            TransportFailure::NotSent { what } => {
                RemoteError::Unreachable { remote: self.remote, what: format!("sign-in: {what}") }
            }
            TransportFailure::Held { what, retry_after_ms } => RemoteError::Transient {
                remote: self.remote,
                status: 0,
                what: format!("sign-in: {what}"),
                retry_after_ms: *retry_after_ms,
            },
            // A token request changes no record: it can be sent again.
            lost => RemoteError::Transient {
                remote: self.remote,
                status: 0,
                what: format!("sign-in: {lost}"),
                retry_after_ms: None,
            },
        }
    }

    fn passing(&self, head: &Head) -> RemoteError {
        RemoteError::Transient {
            remote: self.remote,
            status: head.status,
            what: "the token address is busy or failing".to_owned(),
            retry_after_ms: head.retry_after_ms,
        }
    }

    fn in_words(
        &self,
        error: &RequestTokenError<TransportFailure, BasicErrorResponse>,
        head: &Head,
    ) -> RemoteError {
        if let RequestTokenError::Request(failure) = error {
            return self.no_answer(failure);
        }
        if passes_by_itself(head.status) {
            return self.passing(head);
        }
        let mut what = match error {
            RequestTokenError::ServerResponse(response) => {
                let code = response.error().as_ref();
                let mut words = format!("{code} ({})", self.way_out(code));
                if let Some(description) = response.error_description() {
                    words.push_str(", it says: ");
                    words.push_str(&quoted(description));
                }
                words
            }
            _ => format!(
                "the token address answered {} without a readable token: check the address in the settings",
                head.status
            ),
        };
        if let Some(ahead_ms) = head.clock_ahead_ms.filter(|ahead_ms| ahead_ms.abs() > CLOCK_TOLERANCE_MS) {
            let direction = if ahead_ms > 0 { "behind" } else { "ahead of" };
            let seconds = ahead_ms.abs() / 1000;
            what = format!(
                "{what}; this computer's clock is {seconds} s {direction} the remote's: set it right"
            );
        }
        self.refused(what)
    }

    fn way_out(&self, code: &str) -> &'static str {
        match (code, &self.method) {
            ("invalid_client", SignInMethod::PrivateKeyJwt { .. }) => {
                "the client id, the key id or the public key registered there does not fit ours"
            }
            ("invalid_client" | "access_denied", _) => {
                "the client id or secret is wrong, or the client is not active"
            }
            ("invalid_grant", _) => {
                "the signed JWT is not accepted: check issuer, subject, audience, key and this computer's clock"
            }
            ("invalid_scope", _) => "the scopes that are asked for are not granted to this client",
            ("unauthorized_client" | "unsupported_grant_type", _) => {
                "this way to sign in is not enabled for the client: have it enabled"
            }
            _ => "check the sign-in settings on both sides",
        }
    }
}

const fn passes_by_itself(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

/// The JWT bearer grant, which the oauth2 crate has no request for; its types read the answer.
async fn post_form(
    wire: &Wire<'_>,
    address: &str,
    form: &[(&str, &str)],
) -> Result<BasicTokenResponse, RequestTokenError<TransportFailure, BasicErrorResponse>> {
    let body: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encode(name, ""), percent_encode(value, "")))
        .collect();
    let request = http::Request::post(address)
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body.join("&").into_bytes())
        .map_err(|_| RequestTokenError::Other("the token address cannot be used".to_owned()))?;
    let response = wire.send(request).await.map_err(RequestTokenError::Request)?;
    let unreadable = || RequestTokenError::Other("no readable token".to_owned());
    if response.status() == http::StatusCode::OK {
        serde_json::from_slice(response.body()).map_err(|_| unreadable())
    } else {
        let refusal: BasicErrorResponse =
            serde_json::from_slice(response.body()).map_err(|_| unreadable())?;
        Err(RequestTokenError::ServerResponse(refusal))
    }
}
