"""A SAML identity provider that signs with signxml, and spoils what it has signed as it is told:

    metadata       its metadata, in Base64
    forge WAY URL  the response to the request in this address, in Base64, spoilt in this way

Every command is answered by one line on standard output. ACS and SP say who it is for.
"""

import base64
import copy
import datetime
import os
import sys
import urllib.parse
import zlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import XMLSigner, methods

P = "urn:oasis:names:tc:SAML:2.0:protocol"
A = "urn:oasis:names:tc:SAML:2.0:assertion"
D = "http://www.w3.org/2000/09/xmldsig#"
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
IDP = "https://forge.example/metadata"
ACS, SP = os.environ["ACS"], os.environ["SP"]


def key_pair(name):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    cert = (x509.CertificateBuilder().subject_name(named).issuer_name(named)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - day).not_valid_after(now + day)
            .sign(key, hashes.SHA256()))
    return key, cert.public_bytes(serialization.Encoding.PEM).decode()


KEY, CERT = key_pair("forge")
STRANGER = key_pair("forge")


class Careless(XMLSigner):
    """Signs by what nobody should."""

    def check_deprecated_methods(self):
        pass


def metadata():
    body = "".join(CERT.strip().split("\n")[1:-1])
    return (f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{IDP}">'
            f'<IDPSSODescriptor protocolSupportEnumeration="{P}"><KeyDescriptor use="signing">'
            f'<KeyInfo xmlns="{D}"><X509Data><X509Certificate>{body}</X509Certificate></X509Data>'
            '</KeyInfo></KeyDescriptor><SingleSignOnService '
            'Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" '
            'Location="https://forge.example/sso"/></IDPSSODescriptor></EntityDescriptor>')


def at(seconds):
    time = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def response(request, **said):
    say = dict(
        name="ann", format="persistent", groups="leads", audience=SP, recipient=ACS,
        destination=ACS, response_to=request, confirmed_to=request, issuer=IDP, sender=IDP,
        before=-5, until=300, confirmed_until=300, status="Success", method="bearer",
        shown=0, over=None, condition="", statement=True, restriction=True, id="_a1",
        response_id="_r1",
    )
    say.update(said)
    over = f' SessionNotOnOrAfter="{at(say["over"])}"' if say["over"] is not None else ""
    recipient = f' Recipient="{say["recipient"]}"' if say["recipient"] else ""
    statement = (f'<a:AuthnStatement AuthnInstant="{at(say["shown"])}"{over}><a:AuthnContext>'
                 '<a:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password'
                 '</a:AuthnContextClassRef></a:AuthnContext></a:AuthnStatement>')
    restriction = (f'<a:AudienceRestriction><a:Audience>{say["audience"]}</a:Audience>'
                   '</a:AudienceRestriction>')
    text = (
        f'<p:Response xmlns:p="{P}" xmlns:a="{A}" ID="{say["response_id"]}" Version="2.0" '
        f'IssueInstant="{at(0)}" '
        f'Destination="{say["destination"]}" InResponseTo="{say["response_to"]}">'
        f'<a:Issuer>{say["sender"]}</a:Issuer><p:Status>'
        f'<p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{say["status"]}"/></p:Status>'
        f'<a:Assertion ID="{say["id"]}" Version="2.0" IssueInstant="{at(0)}">'
        f'<a:Issuer>{say["issuer"]}</a:Issuer>'
        f'<a:Subject><a:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:{say["format"]}">'
        f'{say["name"]}</a:NameID>'
        f'<a:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:{say["method"]}">'
        f'<a:SubjectConfirmationData NotOnOrAfter="{at(say["confirmed_until"])}"{recipient} '
        f'InResponseTo="{say["confirmed_to"]}"/></a:SubjectConfirmation></a:Subject>'
        f'<a:Conditions NotBefore="{at(say["before"])}" NotOnOrAfter="{at(say["until"])}">'
        f'{restriction if say["restriction"] else ""}{say["condition"]}</a:Conditions>'
        f'{statement if say["statement"] else ""}'
        f'<a:AttributeStatement><a:Attribute Name="groups"><a:AttributeValue>{say["groups"]}'
        f'</a:AttributeValue></a:Attribute></a:AttributeStatement></a:Assertion>'
        '</p:Response>')
    return etree.fromstring(text)


def sign(element, key=KEY, cert=CERT, algorithm="rsa-sha256", digest="sha256"):
    """The element, signed as one of its own, with the signature behind its issuer."""
    place = etree.Element(f"{{{D}}}Signature", Id="placeholder", nsmap={"ds": D})
    element.insert(1, place)
    signer = Careless(method=methods.enveloped, signature_algorithm=algorithm,
                      digest_algorithm=digest, c14n_algorithm=C14N)
    kwargs = {} if algorithm.startswith("hmac") else {"cert": cert}
    uri = f"#{element.get('ID')}"
    return signer.sign(element, key=key, reference_uri=uri, id_attribute="ID", **kwargs)


def signed(whole, **how):
    """The response with its assertion signed."""
    found = whole.find(f"{{{A}}}Assertion")
    place = whole.index(found)
    alone = etree.fromstring(etree.tostring(found))
    whole.remove(found)
    whole.insert(place, sign(alone, **how))
    return whole


def parts(request):
    whole = signed(response(request))
    good = whole.find(f"{{{A}}}Assertion")
    evil = copy.deepcopy(good)
    evil.set("ID", "_evil")
    evil.remove(evil.find(f"{{{D}}}Signature"))
    evil.find(f".//{{{A}}}NameID").text = "root"
    evil.find(f".//{{{A}}}AttributeValue").text = "ops"
    return whole, good, evil


def wrapped(number, request):
    """The eight ways of Somorovsky and others, "On Breaking SAML" (2012)."""
    whole, good, evil = parts(request)
    place = whole.index(good)
    signature = good.find(f"{{{D}}}Signature")
    if number in (1, 2):
        plain = response(request)
        whole = sign(etree.fromstring(etree.tostring(plain)))
        signature = whole.find(f"{{{D}}}Signature")
        inner = copy.deepcopy(whole)
        inner.remove(inner.find(f"{{{D}}}Signature"))
        whole.set("ID", "_evil")
        whole.find(f".//{{{A}}}NameID").text = "root"
        if number == 1:
            signature.append(inner)
        else:
            whole.insert(whole.index(signature), inner)
    if number == 3:
        whole.insert(place, evil)
    if number == 4:
        whole.remove(good)
        evil.append(good)
        whole.insert(place, evil)
    if number == 5:
        good.remove(signature)
        evil.insert(1, signature)
        whole.insert(place, evil)
    if number == 6:
        whole.remove(good)
        good.remove(signature)
        signature.append(good)
        evil.insert(1, signature)
        whole.insert(place, evil)
    if number == 7:
        extensions = etree.Element(f"{{{P}}}Extensions")
        extensions.append(evil)
        whole.insert(1, extensions)
    if number == 8:
        whole.remove(good)
        good.remove(signature)
        thing = etree.SubElement(signature, f"{{{D}}}Object")
        thing.append(good)
        evil.insert(1, signature)
        whole.insert(place, evil)
    return whole


def text(whole):
    return etree.tostring(whole).decode()


FIELDS = {
    "good": {}, "again": {"id": "_a2", "response_id": "_r2"},
    "audience": {"audience": "https://other.example"}, "no-audience": {"restriction": False},
    "expired": {"until": -60}, "not-yet": {"before": 60},
    "confirmation-expired": {"confirmed_until": -60},
    "recipient": {"recipient": "https://other.example/acs"}, "no-recipient": {"recipient": ""},
    "confirmed-to": {"confirmed_to": "_other"}, "response-to": {"response_to": "_other"},
    "destination": {"destination": "https://other.example/acs"},
    "issuer": {"issuer": "https://other.example"}, "sender": {"sender": "https://other.example"},
    "status": {"status": "Requester"}, "method": {"method": "holder-of-key"},
    "transient": {"format": "transient"}, "letters": {"name": "\u0430nn"},
    "no-statement": {"statement": False}, "session-over": {"over": -60},
    "no-groups": {"groups": "visitors"}, "long": {"groups": "x" * 300},
    "condition": {"condition": '<x:Only xmlns:x="urn:x" />'}, "old": {"shown": -3600},
}


def forge(way, request):
    if way in FIELDS:
        return text(signed(response(request, **FIELDS[way])))
    if way.startswith("xsw"):
        return text(wrapped(int(way[3:]), request))
    good = text(signed(response(request)))
    if way == "unsigned":
        return text(response(request))
    if way == "response-signed":
        return text(sign(etree.fromstring(text(response(request)))))
    if way == "stranger":
        return text(signed(response(request), key=STRANGER[0], cert=STRANGER[1]))
    if way == "name":
        return good.replace(">ann<", ">root<")
    if way == "groups":
        return good.replace(">leads<", ">ops<")
    if way == "comment":
        return good.replace(">ann<", ">ann<!-- -->.evil<")
    if way == "several":
        whole, good, _ = parts(request)
        second = etree.fromstring(text(good))
        second.set("ID", "_a2")
        second.remove(second.find(f"{{{D}}}Signature"))
        whole.append(sign(second))
        return text(whole)
    if way == "doctype":
        return '<!DOCTYPE r [<!ENTITY who "root">]>' + good.replace(">ann<", ">&who;<")
    if way == "entity":
        return good.replace(">ann<", ">&who;<")
    if way == "cdata":
        return good.replace(">ann<", "><![CDATA[ann]]><")
    if way == "instruction":
        return good.replace(">ann<", ">ann<?x y?><")
    if way == "large":
        return good.replace("</p:Response>", " " * 260 * 1024 + "</p:Response>")
    if way == "deep":
        return good.replace("</p:Response>", "<x>" * 50 + "</x>" * 50 + "</p:Response>")
    if way == "sha1":
        return text(signed(response(request), algorithm="rsa-sha1", digest="sha1"))
    if way == "hmac":
        return text(signed(response(request), key=CERT.encode(), algorithm="hmac-sha256"))
    if way == "encrypted":
        return good.replace("</p:Response>", "<a:EncryptedAssertion/></p:Response>")
    if way == "id-twice":
        return good.replace("<p:Status>", '<p:Status ID="_a1">')
    if way == "whole-document":
        return good.replace('URI="#_a1"', 'URI=""')
    if way == "no-xml":
        return good[:-5]
    if way == "logout":
        return good.replace("p:Response", "p:LogoutResponse")
    if way == "no-signature-value":
        whole = etree.fromstring(good)
        whole.find(f".//{{{D}}}SignatureValue").text = ""
        return text(whole)
    raise ValueError(way)


def request_of(url):
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    xml = zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15)
    return etree.fromstring(xml).get("ID")


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "metadata":
            answer = metadata()
        else:
            answer = forge(words[1], request_of(words[2]))
        print(base64.b64encode(answer.encode()).decode(), flush=True)


main()
