"""Every stored path. The layout is the reference registry's, so that a folder can be adopted in place and given back.

docker/registry/v2/
  blobs/<algorithm>/<first two digits>/<hex>/data      bytes, once for all repositories
  blobs/<algorithm>/<first two digits>/<hex>/place     where they are instead, if they are, ours alone
  placed/<first two digits>/<32 digits>                bytes on storage that cannot rename, written here for good
  repositories/<name>/
    _layers/<algorithm>/<hex>/link                     this repository has the blob; the link holds the digest
    _manifests/
      revisions/<algorithm>/<hex>/link                 this repository has the manifest
      tags/<tag>/current/link                          what the tag is now
      tags/<tag>/index/<algorithm>/<hex>/link          what it was at some time
    _uploads/<id>/data                                 a partial file
    _uploads/<id>/startedat                            (the reference registry's; ours keeps sessions in the database)
  linked/<id>                                          a whole file for the upload of this id, put there by a program of
                                                       this machine, ours alone
  quarantine/<algorithm>/<hex>                         damaged bytes, ours alone
entrepot-storage                                       says that this is the storage, ours alone
"""

from __future__ import annotations

import os

from storage.digest import Digest

ROOT = "docker/registry/v2"
MARK = "entrepot-storage"
"""Says that this is the storage, and not the empty folder where its disk is not mounted."""
BLOBS = f"{ROOT}/blobs"
REPOSITORIES = f"{ROOT}/repositories"
QUARANTINE = f"{ROOT}/quarantine"
PLACED = f"{ROOT}/placed"
LINKED = f"{ROOT}/linked"

_MARK = 16


def blob_data(digest: Digest) -> str:
    return f"{BLOBS}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/data"


def placed(name: str) -> str:
    """`name` is one that `placed_name` made."""
    return f"{PLACED}/{name[:2]}/{name}"


def placed_name(upload_path: str) -> str:
    """A new name for bytes that come in at this upload path: its mark, and digits never used before."""
    return upload_mark(upload_path) + os.urandom(_MARK // 2).hex()


def upload_mark(upload_path: str) -> str:
    """What all the names for bytes of this upload path begin with."""
    import hashlib  # here: it loads all of OpenSSL, which who only names blobs need not wait for

    return hashlib.blake2b(upload_path.encode(), digest_size=_MARK // 2).hexdigest()


def mark_of(place: str) -> str:
    """The mark of the upload path whose bytes a placed path has or had."""
    return place.rpartition("/")[2][:_MARK]


def placed_note(digest: Digest) -> str:
    """A small file beside the blob's own path that says where its bytes are, when the index is lost."""
    return f"{BLOBS}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/place"


def quarantine(digest: Digest) -> str:
    return f"{QUARANTINE}/{digest.algorithm}/{digest.hex}"


def repository_dir(repository: str) -> str:
    return f"{REPOSITORIES}/{repository}"


def content_dirs(repository: str) -> tuple[str, str]:
    """What a repository holds: its blobs, its manifests and tags."""
    return f"{REPOSITORIES}/{repository}/_layers", f"{REPOSITORIES}/{repository}/_manifests"


def uploads_dir(repository: str) -> str:
    return f"{REPOSITORIES}/{repository}/_uploads"


def upload_dir(repository: str, upload: str) -> str:
    return f"{REPOSITORIES}/{repository}/_uploads/{upload}"


def upload_data(repository: str, upload: str) -> str:
    return f"{REPOSITORIES}/{repository}/_uploads/{upload}/data"


def linked(upload: str) -> str:
    """`upload` is the id of a session."""
    return f"{LINKED}/{upload}"


def layer_link(repository: str, digest: Digest) -> str:
    return f"{REPOSITORIES}/{repository}/_layers/{digest.algorithm}/{digest.hex}/link"


def revision_link(repository: str, digest: Digest) -> str:
    return f"{REPOSITORIES}/{repository}/_manifests/revisions/{digest.algorithm}/{digest.hex}/link"


def tag_dir(repository: str, tag: str) -> str:
    return f"{REPOSITORIES}/{repository}/_manifests/tags/{tag}"


def tag_current_link(repository: str, tag: str) -> str:
    return f"{tag_dir(repository, tag)}/current/link"


def tag_index_link(repository: str, tag: str, digest: Digest) -> str:
    return f"{tag_dir(repository, tag)}/index/{digest.algorithm}/{digest.hex}/link"
