//! Serving: from settings to a service that runs until it is told to stop.

use super::Failure;
use crate::config::Config;
use crate::service::{Service, stopped};
use tokio::net::TcpListener;

pub(super) async fn run(config: Config) -> Result<(), Failure> {
    let (listen, operators) = (config.listen, config.operator_listen);
    let service = Service::open(config).await?;
    let bind = async |address| {
        let listener = TcpListener::bind(address).await;
        listener.map_err(|fault| Failure::from(format!("cannot listen on {address}: {fault}")))
    };
    let (listener, operator_listener) = (bind(listen).await?, bind(operators).await?);
    tracing::info!(address = %listener.local_addr()?, operators = %operator_listener.local_addr()?, "serving");
    Ok(service.serve(listener, operator_listener, stopped()?).await?)
}
