"""Clients that show a certificate; see `--client-ca`."""

from cryptography.x509.oid import NameOID

from wsapp import App, Client, Reject, Request


class Machines(App):
    def onHandshake(self, request: Request) -> None:
        if request.clientCertificate is None:
            raise Reject(403, "show a certificate")
        subject = request.clientCertificate.to_cryptography().subject
        request.user = str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    def onConnect(self, client: Client) -> None:
        client.send(f"hello, {client.user}")
