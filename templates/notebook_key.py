# @markdown PUBLIC_KEY: your laptop's line that begins with ssh-ed25519; `colabdev cell` shows it.
PUBLIC_KEY = ""  # @param {type:"string"}
PUBLIC_KEYS = [PUBLIC_KEY]
