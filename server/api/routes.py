"""All addresses of the API in one table."""

from __future__ import annotations

from starlette.routing import Route

from server.api import (
    admin,
    alerts,
    applications,
    canaries,
    events,
    exposure,
    files,
    hosts,
    packages,
    registers,
    status,
)

ROUTES = [
    Route("/v1/status", status.status),
    Route("/v1/alerts", alerts.list_alerts),
    Route("/v1/alerts/stream", alerts.watch),
    Route("/v1/alerts/{id:int}", alerts.show_alert),
    Route("/v1/alerts/{id:int}/ack", alerts.act("ack"), methods=["POST"]),
    Route("/v1/alerts/{id:int}/close", alerts.act("close"), methods=["POST"]),
    Route("/v1/alerts/{id:int}/reopen", alerts.act("reopen"), methods=["POST"]),
    Route("/v1/canaries", canaries.list_canaries, methods=["GET"]),
    Route("/v1/canaries", canaries.create, methods=["POST"]),
    Route("/v1/canaries/{id}/retire", canaries.retire, methods=["POST"]),
    Route("/v1/applications", applications.list_applications),
    Route("/v1/events", events.search),
    Route("/v1/events/stream", events.tail),
    Route("/v1/events/{id}", events.show),
    Route("/v1/exposure", exposure.list_exposures),
    Route("/v1/exposure/overlap", exposure.overlap),
    Route("/v1/exposure/{id}", exposure.show),
    Route("/v1/files/history", files.history),
    Route("/v1/files/where", files.where),
    Route("/v1/hosts", hosts.list_hosts),
    Route("/v1/hosts/{name}", hosts.show_host),
    Route("/v1/hosts/{name}/files", files.on_host),
    Route("/v1/hosts/{name}/revoke", hosts.revoke_host, methods=["POST"]),
    Route("/v1/packages/compare", packages.compare),
    Route("/v1/delivery", hosts.delivery),
    Route("/v1/enroll/tokens", admin.list_tokens, methods=["GET"]),
    Route("/v1/enroll/tokens", admin.make_token, methods=["POST"]),
    Route("/v1/notify", admin.notify_status),
    Route("/v1/notify/test", admin.notify_test, methods=["POST"]),
    Route("/v1/registers", registers.list_registers, methods=["GET"]),
    Route("/v1/registers", registers.add, methods=["POST"]),
    Route("/v1/registers/{name}/remove", registers.remove, methods=["POST"]),
    Route("/v1/rules", admin.list_rules),
]
