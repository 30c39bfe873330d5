class ArchiveRefused(Exception): pass
def unpack(a,t,w):
    import zipfile; zipfile.ZipFile(a).extractall(t); return []
