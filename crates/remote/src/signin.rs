//! Sign-in with OAuth 2.0: access tokens fetched with a signed JWT or a secret, renewed ahead of expiry, by one
//! request at a time.
//!
//! Two different uses of a JWT (RFC 7523) stand side by side: ServiceNow takes it as the *grant* (`assertion`), a SMART
//! EHR as *client authentication* (`client_assertion`).

mod assertion;
mod exchange;

pub use assertion::{KeyAlgorithm, SigningKey};

use crate::RemoteError;
use crate::http::{NewId, Now, SettingProblem, Transport};
use exchange::Exchange;
use record::Remote;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

/// How we prove who we are.
#[derive(Debug, Clone)]
pub enum SignInMethod {
    /// ServiceNow: a signed JWT as the grant, `urn:ietf:params:oauth:grant-type:jwt-bearer` (ServiceNow, "JSON Web token
    /// bearer grant"; RFC 7523 section 2.1).
    JwtBearer {
        /// The OAuth client's id.
        client_id: String,
        /// The OAuth client's secret; `None` for a public client.
        client_secret: Option<SecretString>,
        /// Who signs: `iss`. The client's id is what ServiceNow recommends, and what `None` means.
        issuer: Option<String>,
        /// Whose rights we get: the value of the configured user field, such as an e-mail address.
        subject: String,
        /// `aud`. ServiceNow expects the client's id, which is what `None` means; newer instances may expect the token
        /// address.
        audience: Option<String>,
        /// The key that signs.
        key: SigningKey,
    },
    /// Client id and secret (RFC 6749 section 4.4), sent in the body as ServiceNow demands.
    ClientSecret {
        /// The OAuth client's id.
        client_id: String,
        /// The OAuth client's secret.
        client_secret: SecretString,
        /// Scopes to ask for; may be empty.
        scopes: Vec<String>,
    },
    /// EHR: client credentials, the client authenticated by `private_key_jwt` (SMART App Launch, "Backend Services"):
    /// RS384 or ES384, `aud` the token address, valid at most 5 minutes.
    PrivateKeyJwt {
        /// The client's id: `iss` and `sub`.
        client_id: String,
        /// Scopes to ask for, such as `system/Patient.rs`.
        scopes: Vec<String>,
        /// `aud`, where it is not the token address.
        audience: Option<String>,
        /// The key that signs; its `key_id` must be the one registered there.
        key: SigningKey,
    },
}

/// Where tokens are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenAddress {
    /// At this `https://` address.
    Known(String),
    /// As `[base]/.well-known/smart-configuration` says (SMART App Launch, "Conformance").
    Discover {
        /// The EHR's base address.
        base_url: String,
    },
}

/// An access token. Its text is never shown or logged.
#[derive(Debug, Clone)]
pub struct AccessToken {
    text: SecretString,
    /// From here on it is renewed before it is used, Unix milliseconds.
    renew_at_ms: i64,
    /// From here on it is worthless, Unix milliseconds.
    expires_at_ms: i64,
}

impl AccessToken {
    pub(crate) fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    fn is_same(&self, other: &AccessToken) -> bool {
        self.expose() == other.expose()
    }
}

/// Renewal begins this long before a token expires, or a tenth of its life, whichever is longer.
const MARGIN_MS: i64 = 60_000;
/// What a token is taken to live if the answer does not say (RFC 6749 only recommends `expires_in`).
const LIFE_UNSAID_MS: i64 = 300_000;

/// When to renew a token fetched now that lives this long. A short life leaves at least half of itself for use.
///
/// ServiceNow hands out the same token again with its remaining seconds (wire-facts 6.1): asking again before it expires
/// is useless then, so `repeated` tokens are used up to their last second.
fn renew_at_ms(now_ms: i64, life_ms: i64, repeated: bool) -> i64 {
    let life_ms = life_ms.max(0);
    let margin_ms = if repeated { 1_000 } else { MARGIN_MS.max(life_ms / 10) };
    now_ms.saturating_add(life_ms - margin_ms.min(life_ms / 2))
}

#[derive(Default)]
struct Held {
    token: Option<AccessToken>,
    /// How the latest exchange failed, if it did.
    failure: Option<RemoteError>,
}

/// Signs in at one remote and keeps the token. Shared by everything that calls this remote.
pub struct SignIn {
    remote: Remote,
    exchange: Exchange,
    now: Now,
    held: Mutex<Held>,
    /// How many exchanges have ended: who waited while one ended takes its outcome instead of starting another.
    ended: AtomicU64,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("remote", &self.remote).finish_non_exhaustive()
    }
}

impl SignIn {
    /// Checks the settings and the key (by signing with it); nothing is sent yet.
    ///
    /// # Errors
    /// An address that is not `https://`, an empty client id, or a key that cannot sign.
    pub fn new(
        remote: Remote,
        method: SignInMethod,
        address: TokenAddress,
        transport: Arc<dyn Transport>,
        now: Now,
        new_id: NewId,
    ) -> Result<SignIn, SettingProblem> {
        Ok(SignIn {
            remote,
            exchange: Exchange::new(remote, method, address, transport, Arc::clone(&now), new_id)?,
            now,
            held: Mutex::new(Held::default()),
            ended: AtomicU64::new(0),
        })
    }

    /// A token that is good for a while; fetched or renewed if need be. However many ask at once, one request is sent,
    /// and all take its outcome.
    ///
    /// # Errors
    /// [`RemoteError::SignIn`] where the remote refuses, [`RemoteError::Unreachable`] and [`RemoteError::Transient`]
    /// where it does not answer.
    pub async fn token(&self) -> Result<AccessToken, RemoteError> {
        self.obtain(None).await
    }

    /// A token other than the one that was just refused: renewed, unless somebody has renewed it meanwhile.
    ///
    /// # Errors
    /// As [`SignIn::token`].
    pub async fn renew(&self, refused: &AccessToken) -> Result<AccessToken, RemoteError> {
        self.obtain(Some(refused)).await
    }

    async fn obtain(&self, refused: Option<&AccessToken>) -> Result<AccessToken, RemoteError> {
        let ended_before = self.ended.load(Ordering::SeqCst);
        let mut held = self.held.lock().await;
        let now_ms = (self.now)();
        let good = |token: &&AccessToken| match refused {
            Some(refused) => !token.is_same(refused),
            None => token.renew_at_ms > now_ms,
        };
        if let Some(token) = held.token.as_ref().filter(good) {
            return Ok(token.clone());
        }
        if self.ended.load(Ordering::SeqCst) > ended_before {
            // An exchange ended while we waited for it: its outcome is ours, be it a failure or the same token again.
            match (&held.failure, &held.token) {
                (Some(failure), _) => return Err(failure.clone()),
                (None, Some(token)) => return Ok(token.clone()),
                (None, None) => {}
            }
        }
        let outcome = self.exchange.run().await;
        self.ended.fetch_add(1, Ordering::SeqCst);
        match outcome {
            Ok(granted) => {
                let now_ms = (self.now)();
                let repeated =
                    held.token.as_ref().is_some_and(|old| old.expose() == granted.text.expose_secret());
                let life_ms = granted.life_ms.unwrap_or(LIFE_UNSAID_MS);
                let token = AccessToken {
                    text: granted.text,
                    renew_at_ms: renew_at_ms(now_ms, life_ms, repeated),
                    expires_at_ms: now_ms.saturating_add(life_ms),
                };
                tracing::info!(remote = self.remote.as_str(), repeated, "signed in");
                held.token = Some(token.clone());
                held.failure = None;
                Ok(token)
            }
            Err(error) => {
                tracing::warn!(remote = self.remote.as_str(), error = error.name(), "sign-in failed");
                // Renewal ahead of expiry may fail without harm while the old token lives.
                let alive = held.token.as_ref().filter(|token| {
                    refused.is_none() && error.is_transport() && token.expires_at_ms > now_ms
                });
                if let Some(token) = alive {
                    return Ok(token.clone());
                }
                held.failure = Some(error.clone());
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_begins_a_margin_ahead_of_expiry() {
        // life in s, repeated, seconds until renewal
        let cases = [
            (1799, false, 1799.0 - 179.9), // a tenth is longer than a minute
            (300, false, 240.0),           // a minute is longer than a tenth
            (60, false, 30.0),             // a short life keeps half of itself
            (45, false, 22.5),
            (45, true, 44.0), // the same token again: asking earlier is useless
            (1, true, 0.5),
            (0, false, 0.0), // for this one call
            (-5, false, 0.0),
        ];
        for (life_s, repeated, expected_s) in cases {
            let renew_ms = renew_at_ms(1_000_000, life_s * 1000, repeated) - 1_000_000;
            assert!((renew_ms as f64 - expected_s * 1000.0).abs() <= 1.0, "life {life_s} s: {renew_ms} ms");
        }
    }
}
