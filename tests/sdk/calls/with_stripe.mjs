import Stripe from 'stripe';
import { call, denied } from './calls.mjs';

const stripe = new Stripe(process.env.STRIPE_API_KEY, { maxNetworkRetries: 0 });
await call('stripe.customer.create', () => stripe.customers.create({ email: 'ada@example.com' }));
await call('stripe.customer.get', () => stripe.customers.retrieve('cus_1'));
await call('stripe.charge.create', () => stripe.charges.create({ amount: 500, currency: 'eur', source: 'tok_visa' }, { idempotencyKey: 'k1' }));
await call('stripe.payment_intent.create', () => stripe.paymentIntents.create({ amount: 500, currency: 'eur' }));
await call('stripe.balance.get', () => stripe.balance.retrieve());
await call('stripe.customer.list', () => stripe.customers.list({ limit: 3 }));
await denied('stripe.refund.create', () => stripe.refunds.create({ charge: 'ch_1', amount: 500 }));
