"""Electronic signatures on reports (PAdES), with a key of the house; without one, reports are not signed."""

import asyncio
import io
from importlib import import_module
from pathlib import Path
from typing import Any

from activities.report.press import NotSet

FIELD = "Archive"
"""Name of the signature field."""


class PadesSigner:
    """Signs with a key and certificate in a PKCS #12 file."""

    def __init__(self, key: Path, passphrase: bytes) -> None:
        self._key, self._passphrase = key, passphrase

    async def sign(self, pdf: bytes) -> bytes:
        """The PDF with a signature over all of it, appended so that what was there stays as it was.

        Raises:
            NotSet: the extra `signing` is not installed, or the key cannot be read.
        """
        return await asyncio.to_thread(self._signed, pdf)

    def _signed(self, pdf: bytes) -> bytes:
        try:
            # Imported here: it takes a second and a half, and most installations sign nothing.
            signers: Any = import_module("pyhanko.sign.signers")
            fields: Any = import_module("pyhanko.sign.fields")
            writer: Any = import_module("pyhanko.pdf_utils.incremental_writer")
        except ImportError as error:
            raise NotSet("signing needs the extra: pip install unclose[signing]") from error
        signer = signers.SimpleSigner.load_pkcs12(str(self._key), passphrase=self._passphrase)
        if signer is None:
            raise NotSet("the signing key cannot be read: file or passphrase is wrong")
        meta = signers.PdfSignatureMetadata(
            field_name=FIELD, subfilter=fields.SigSeedSubFilter.PADES, md_algorithm="sha256"
        )
        draft = writer.IncrementalPdfFileWriter(io.BytesIO(pdf))
        return bytes(signers.PdfSigner(meta, signer=signer).sign_pdf(draft).getvalue())
