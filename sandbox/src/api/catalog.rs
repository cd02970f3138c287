//! The catalogs of services that Webex's own JavaScript SDK loads before it does anything else: both empty.
//!
//! The SDK takes the address of `/jwt/login` from its environment, and wants a catalog all the same.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use crate::webex;
use crate::world::World;

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new().route("/u2c/api/v1/limited/catalog", get(empty)).route("/u2c/api/v1/catalog", get(empty))
}

async fn empty() -> Response {
    webex::answer(StatusCode::OK, &json!({ "serviceLinks": {}, "hostCatalog": {} }))
}
