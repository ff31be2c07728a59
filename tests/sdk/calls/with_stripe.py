import os

import stripe
from calls import call, denied

stripe.api_key = os.environ["STRIPE_API_KEY"]
# Stripe's library brings authorities of its own, and no variable changes them.
stripe.ca_bundle_path = os.environ["SSL_CERT_FILE"]

call("stripe.customer.create", lambda: stripe.Customer.create(email="ada@example.com"))
call("stripe.customer.get", lambda: stripe.Customer.retrieve("cus_1"))
call("stripe.charge.create", lambda: stripe.Charge.create(amount=500, currency="eur", source="tok_visa", idempotency_key="k1"))
call("stripe.payment_intent.create", lambda: stripe.PaymentIntent.create(amount=500, currency="eur"))
call("stripe.balance.get", lambda: stripe.Balance.retrieve())
call("stripe.customer.list", lambda: stripe.Customer.list(limit=3))
denied("stripe.refund.create", lambda: stripe.Refund.create(charge="ch_1", amount=500))
