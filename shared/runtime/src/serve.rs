//! Serving routes in a Lambda function, behind an HTTP API of API Gateway (payload format 2.0).
//!
//! `lambda_http::run` would decode responses of every charset of the Web. Its tables of characters are a hundred kilobytes of a
//! function's zip, and every response here is UTF-8 or binary.

use axum::Router;
use http::{HeaderMap, header::SET_COOKIE};
use http_body_util::BodyExt;
use lambda_http::{
    Body, Error, LambdaEvent, Request,
    aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse},
    lambda_runtime,
    request::LambdaRequest,
    service_fn,
    tower::ServiceExt,
};

use crate::reply::shell;

/// Serves routes behind the Lambda Runtime API until the environment ends.
///
/// # Errors
///
/// The Runtime API failed.
pub async fn serve(routes: Router) -> Result<(), Error> {
    let routes = shell(routes);
    lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayV2httpRequest>| answer(&routes, event.payload))).await
}

/// The response of routes to an event of the gateway.
///
/// # Errors
///
/// The body of the response could not be read. Every body is in memory, so this is a defect of the program.
pub async fn answer(routes: &Router, event: ApiGatewayV2httpRequest) -> Result<ApiGatewayV2httpResponse, Error> {
    let request = Request::from(LambdaRequest::ApiGatewayV2(event));
    let (parts, body) = routes.clone().oneshot(request).await?.into_parts();
    let body = written(Vec::from(body.collect().await?.to_bytes()));
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = parts.status.as_u16().into();
    response.is_base64_encoded = matches!(body, Some(Body::Binary(_)));
    response.body = body;
    (response.cookies, response.headers) = without_cookies(parts.headers);
    Ok(response)
}

/// A body as the gateway reads it: a text as it is, other bytes in Base64.
fn written(bytes: Vec<u8>) -> Option<Body> {
    let body = String::from_utf8(bytes).map_or_else(|binary| Body::Binary(binary.into_bytes()), Body::Text);
    (!body.is_empty()).then_some(body)
}

/// Takes the cookies out of the headers: the gateway reads them by themselves.
fn without_cookies(mut headers: HeaderMap) -> (Vec<String>, HeaderMap) {
    let cookies = headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok()).map(str::to_owned).collect();
    headers.remove(SET_COOKIE);
    (cookies, headers)
}

#[cfg(test)]
mod tests {
    use axum::{http::header, response::AppendHeaders, routing::get};
    use serde_json::{Value, json};

    use super::*;

    async fn answered(path: &str) -> Value {
        let pdf = || async { ([(header::CONTENT_TYPE, "application/pdf")], b"%PDF-\xe2\xe3".to_vec()) };
        let text = || async { ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], "見積") };
        let cookies = || async { AppendHeaders([(SET_COOKIE, "a=1"), (SET_COOKIE, "b=2")]) };
        let routes = Router::new().route("/pdf", get(pdf)).route("/text", get(text)).route("/cookies", get(cookies));
        let event = json!({
            "version": "2.0", "rawPath": path, "headers": {"host": "api.example.com"}, "isBase64Encoded": false,
            "requestContext": {"http": {"method": "GET", "path": path}, "stage": "$default"},
        });
        let response = answer(&routes, serde_json::from_value(event).unwrap()).await.unwrap();
        serde_json::to_value(response).unwrap()
    }

    #[tokio::test]
    async fn a_text_is_sent_as_it_is_and_other_bytes_in_base64() {
        let text = answered("/text").await;
        assert_eq!((&text["statusCode"], &text["body"], &text["isBase64Encoded"]), (&json!(200), &json!("見積"), &json!(false)));
        let pdf = answered("/pdf").await;
        assert_eq!((&pdf["body"], &pdf["isBase64Encoded"]), (&json!("JVBERi3i4w=="), &json!(true)));
        assert_eq!(pdf["headers"]["content-type"], "application/pdf");
    }

    #[tokio::test]
    async fn cookies_are_apart_from_the_other_headers_and_an_empty_body_is_left_out() {
        let response = answered("/cookies").await;
        assert_eq!(response["cookies"], json!(["a=1", "b=2"]));
        assert_eq!((response["headers"].get("set-cookie"), response.get("body")), (None, None));
    }
}
