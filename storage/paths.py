"""Every stored path. The layout is the reference registry's, so that a folder can be adopted in place and given back.

docker/registry/v2/
  blobs/<algorithm>/<first two digits>/<hex>/data      bytes, once for all repositories
  repositories/<name>/
    _layers/<algorithm>/<hex>/link                     this repository has the blob; the link holds the digest
    _manifests/
      revisions/<algorithm>/<hex>/link                 this repository has the manifest
      tags/<tag>/current/link                          what the tag is now
      tags/<tag>/index/<algorithm>/<hex>/link          what it was at some time
    _uploads/<id>/data                                 a partial file
    _uploads/<id>/startedat                            (the reference registry's; ours keeps sessions in the database)
  quarantine/<algorithm>/<hex>                         damaged bytes, ours alone
entrepot-storage                                       says that this is the storage, ours alone
"""

from __future__ import annotations

from storage.digest import Digest

ROOT = "docker/registry/v2"
MARK = "entrepot-storage"
"""Says that this is the storage, and not the empty folder where its disk is not mounted."""
BLOBS = f"{ROOT}/blobs"
REPOSITORIES = f"{ROOT}/repositories"
QUARANTINE = f"{ROOT}/quarantine"


def blob_data(digest: Digest) -> str:
    return f"{BLOBS}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/data"


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
