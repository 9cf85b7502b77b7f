"""A test double of the kubelet's atomic writer: ConfigMap and Secret volumes, changed in exactly its order.

The steps are those of Kubernetes' pkg/volume/util/atomic_writer.go, by number; a test may look at, or stop, in between.
"""

import os
import shutil
import time


class Volume:
    """A ConfigMap volume in `path`. What is passed as `between` is called with the number of each step once done."""

    def __init__(self, path, keys):
        self.path, self.versions = path, 0
        os.makedirs(path, exist_ok=True)
        self.update(keys)

    def at(self, *names):
        return os.path.join(self.path, *names)

    def shown(self):
        return {name for name in os.listdir(self.path) if not name.startswith("..")}

    def current(self):
        """The folder that ..data leads to, or None."""
        try:
            return self.at(os.readlink(self.at("..data")))
        except FileNotFoundError:
            return None

    def read(self):
        """What the volume holds now."""
        result = {}
        for name in self.shown():
            with open(self.at(name), encoding="utf-8") as file:
                result[name] = file.read()
        return result

    def update(self, keys, between=lambda step: None, links_first=False, force=False):
        """Returns whether anything was written. `links_first` is the order before Kubernetes 1.13; `force` writes what
        is the same, as the kubelet does with each file when any other has changed."""
        old = self.current()  # 2
        removed = self.shown() - set(keys) if old else set()  # 3
        if old and not removed and not force and self.read() == keys:  # 4
            return False
        self.versions += 1
        stamp = time.strftime("..%Y_%m_%d_%H_%M_%S.", time.gmtime()) + f"{self.versions:010}"
        new = self.at(stamp)
        os.mkdir(new, 0o700)  # 5
        between(5)
        os.chmod(new, 0o755)
        for key, text in keys.items():  # 6
            file = os.open(os.path.join(new, key), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(file, text.encode())
            os.close(file)
            os.chmod(os.path.join(new, key), 0o644)
        between(6)  # 7 is fsGroup's
        if links_first:
            self.link_new(keys)
            between(10)
        os.symlink(stamp, self.at("..data_tmp"))  # 8
        between(8)
        os.rename(self.at("..data_tmp"), self.at("..data"))  # 9
        between(9)
        if not links_first:
            self.link_new(keys)
            between(10)
        for key in removed:  # 11
            os.unlink(self.at(key))
        between(11)
        if old:
            shutil.rmtree(old)  # 12
        between(12)
        return True

    def link_new(self, keys):
        for key in set(keys) - self.shown():
            os.symlink(os.path.join("..data", key), self.at(key))
