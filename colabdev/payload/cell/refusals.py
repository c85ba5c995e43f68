"""What ngrok refuses, and the step that mends it (https://ngrok.com/docs/errors)."""

RENEW = (
    "Copy yours from https://dashboard.ngrok.com/get-started/your-authtoken and run the cell again."
)
NEXT_MONTH = "Wait for the next month, or change the plan: https://dashboard.ngrok.com/usage."
ADD_CARD = "Add one at https://dashboard.ngrok.com/settings#id-verification; it is not charged."
NEW_AGENT = "Delete ~/.colabdev/tunnel/ngrok (or update PYNGROK_NGROK_PATH) and run the cell again."
AGENTS = "End one at https://dashboard.ngrok.com/agents and run the cell again."
ENDPOINTS = "End one at https://dashboard.ngrok.com/endpoints and run the cell again."
PROFILE = "Open the mail from ngrok, or https://dashboard.ngrok.com/user/settings."
RESERVE = "Reserve one at https://dashboard.ngrok.com/tcp-addresses, or leave ADDRESS empty."
PLANS = "See https://dashboard.ngrok.com/billing, or use another tunnel: colabdev cell --tunnel."
AGAIN = "Run colabdev_stop(), then this cell again."

REFUSALS = {
    "ERR_NGROK_105": ("This is no ngrok authtoken.", RENEW),
    "ERR_NGROK_107": ("ngrok does not know this authtoken; was it reset?", RENEW),
    "ERR_NGROK_300": ("This ngrok authtoken was revoked.", RENEW),
    "ERR_NGROK_4018": ("ngrok got no authtoken.", RENEW),
    "ERR_NGROK_123": ("The ngrok account's e-mail is not verified.", PROFILE),
    "ERR_NGROK_108": ("This ngrok account has too many agents online.", AGENTS),
    "ERR_NGROK_121": ("This ngrok agent is too old for ngrok's service.", NEW_AGENT),
    "ERR_NGROK_324": ("This ngrok account has too many endpoints online.", ENDPOINTS),
    "ERR_NGROK_350": ("This ngrok session has too many endpoints.", ENDPOINTS),
    "ERR_NGROK_334": ("Another agent already holds that ngrok address.", ENDPOINTS),
    "ERR_NGROK_307": ("This ngrok account did not reserve that TCP address.", RESERVE),
    "ERR_NGROK_702": ("Too many ngrok connections in one minute.", "Run it again in a minute."),
    "ERR_NGROK_725": ("This month's ngrok bandwidth is used up.", NEXT_MONTH),
    "ERR_NGROK_726": ("This month's ngrok connections are used up.", NEXT_MONTH),
    "ERR_NGROK_729": ("This month's ngrok TCP connections are used up.", NEXT_MONTH),
    "ERR_NGROK_8012": ("ngrok's agent does not reach the SSH server.", AGAIN),
    "ERR_NGROK_8013": ("ngrok opens no TCP tunnel without a payment card on file.", ADD_CARD),
    "ERR_NGROK_8014": ("A policy of ngrok's or of the account blocks TCP tunnels.", PLANS),
    "ERR_NGROK_9009": ("A proxy on this machine's way out needs a paid ngrok plan.", PLANS),
}
